select id, project, name, payload, at from emitted where id = ?1;
