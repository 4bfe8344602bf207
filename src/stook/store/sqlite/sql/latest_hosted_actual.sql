select batch_id, idx, at, body from hosted_actual
where batch_id = ?1 and idx = ?2 order by number desc limit 1;
