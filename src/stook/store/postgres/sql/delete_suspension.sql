delete from suspension s using unnest($1::bytea[], $2::integer[]) as k (batch_id, idx)
where s.batch_id = k.batch_id and s.idx = k.idx;
