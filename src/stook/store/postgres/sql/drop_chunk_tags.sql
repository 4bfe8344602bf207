-- Locks: tags of chunks, whose batch is locked before.
delete from chunk_tag t using unnest($1::bytea[], $2::integer[]) as k (batch_id, first)
where t.batch_id = k.batch_id and t.first = k.first;
