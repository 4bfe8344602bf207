-- Locks: segments, by id. Their batches are locked before. `+ 0`: they are to be found by id, not by all that is due.
select id, batch_id, first, pos, stop, picks from segment
where id = any($1::bigint[]) and status + 0 = 1 and held = 0 and due_at <= ($2::bigint[])[1] order by id for update;
