delete from memo m using unnest($1::bytea[], $2::integer[], $3::text[]) as k (batch_id, idx, key)
where m.batch_id = k.batch_id and m.idx = k.idx and m.key = k.key;
