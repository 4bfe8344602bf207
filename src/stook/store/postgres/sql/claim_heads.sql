-- $3 is the ids of batches at their limit, end to end; $4 how many to look at.
-- Locks: segments, passing over those another claim holds. Nothing here waits.
select s.id, s.batch_id, s.first, s.pos, s.stop, s.picks, s.project, s.task, s.queue, s.priority, s.rank, s.round,
       s.attempt, s.losses, s.closed, s.ready_at,
       b.policy, b.created_at, b.max_concurrency, b.ramp_at, b.metadata, b.trace, b.single
from unnest($1::text[], $2::text[], $3::bytea[], $4::integer[]) as k (task, project, skip, most)
cross join lateral (
    select * from segment
    where task = k.task and project = k.project and status = 0 and held = 0 and position(batch_id in k.skip) < 1
    order by priority desc, rank, id limit k.most
    for update skip locked
) s cross join lateral (
    -- After the segments, whatever the statistics say: OFFSET 0 keeps the planner from turning it round.
    select policy, created_at, max_concurrency, ramp_at, metadata, trace, single from batch where id = s.batch_id offset 0
) b;
