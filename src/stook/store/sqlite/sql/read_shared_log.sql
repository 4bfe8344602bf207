select idx, token, part, body from log
where batch_id = ?1 and idx = ?2 and round = ?3 and attempt = ?4 and token = ?5 and part = ?6 and leader is null;
