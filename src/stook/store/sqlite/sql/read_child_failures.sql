select batch_id, idx, type, message from failure
where batch_id = ?1 and idx = ?2 and final = 1 order by round desc limit 1;
