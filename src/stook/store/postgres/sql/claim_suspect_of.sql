-- Locks: one suspect segment per task, of one project, passing over those another claim holds.
select s.id, s.batch_id, s.first, s.pos, s.stop, s.picks, s.project, s.task, s.queue, s.priority, s.rank, s.round,
       s.attempt, s.losses, s.closed, s.ready_at, s.lane, s.cost,
       b.policy, b.created_at, b.max_concurrency, b.ramp_at, b.metadata, b.trace, b.single
from unnest($1::text[], $2::bigint[], $3::text[]) as k (task, after, project)
cross join lateral (
    select * from segment
    where task = k.task and id > k.after and project = k.project and status = 2 and held = 0
    order by id limit 1
    for update skip locked
) s join batch b on b.id = s.batch_id;
