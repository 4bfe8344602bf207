select number, id, name, at, body from hosted_event
where batch_id = ?1 and idx = ?2 and number > ?3 order by number limit ?4;
