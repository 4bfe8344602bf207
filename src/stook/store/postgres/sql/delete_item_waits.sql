delete from wait w using unnest($1::bytea[], $2::integer[]) as k (batch_id, idx)
where w.batch_id = k.batch_id and w.idx = k.idx;
