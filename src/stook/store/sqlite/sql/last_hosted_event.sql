select batch_id, idx, id, name, at, body from hosted_event
where batch_id = ?1 and idx = ?2 and name = ?3 order by number desc limit 1;
