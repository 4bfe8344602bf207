-- Locks: segments, by id. Their batches are locked before.
select id, batch_id, first, pos, stop, picks, status from segment where id = any($1::bigint[]) order by id for update;
