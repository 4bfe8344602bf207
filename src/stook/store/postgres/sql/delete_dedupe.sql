delete from dedupe d using unnest($1::bytea[], $2::integer[]) as k (batch_id, idx)
where d.batch_id = k.batch_id and d.idx = k.idx;
