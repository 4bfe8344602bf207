-- Ready items of a task in a project and lane that are in no closed group, the oldest of them, and the policy of the first;
-- of up to ?4 segments.
with front as (
    select batch_id, stop - pos as items, ready_at from segment
    where task = ?1 and project = ?2 and lane = ?3 and status = 0 and held = 0 and closed = 0
    order by priority desc, rank, id limit ?4
)
select sum(items), min(ready_at), (select policy from batch where id = (select batch_id from front limit 1)) from front;
