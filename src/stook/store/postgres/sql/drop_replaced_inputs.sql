-- Locks: changes of items, whose batch is locked before.
delete from item_change c using unnest($1::bytea[], $2::integer[]) as k (batch_id, idx)
where c.batch_id = k.batch_id and c.idx = k.idx and c.kind = 'edit' and c.actor = 'stook.invoke';
