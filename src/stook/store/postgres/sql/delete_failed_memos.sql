delete from memo m using unnest($1::bytea[], $2::integer[]) as k (batch_id, idx)
where m.batch_id = k.batch_id and m.idx = k.idx and m.error is not null;
