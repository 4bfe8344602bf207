select id, project, name, payload, at from emitted
where project = ?1 and name = ?2 and (at, id) > (?3, ?4) order by at, id limit ?5;
