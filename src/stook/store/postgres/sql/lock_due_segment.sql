-- Locks: segments, by id. Their batches are locked before.
select id, batch_id, first, pos, stop, picks from segment
where id = any($1::bigint[]) and status = 1 and held = 0 and due_at <= ($2::bigint[])[1] order by id for update;
