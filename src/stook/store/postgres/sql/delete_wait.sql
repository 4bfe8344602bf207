delete from wait w using unnest($1::bytea[], $2::integer[], $3::text[]) as k (batch_id, idx, key)
where w.batch_id = k.batch_id and w.idx = k.idx and w.key = k.key;
