-- $4 is the ids of batches at their limit, end to end; $5 how many to look at; $6 the clock: what is past its time is not
-- started, whether or not a sweep has been by.
-- Locks: segments, passing over those another claim holds. Nothing here waits.
-- The commit of a claim need not reach the disk before work begins: one that a power cut forgets never was, its items
-- wait again and its token settles nothing; a settlement's commit brings it along.
select s.id, s.batch_id, s.first, s.pos, s.stop, s.picks, s.project, s.task, s.queue, s.priority, s.rank, s.round,
       s.attempt, s.losses, s.closed, s.ready_at, s.lane, s.cost,
       b.policy, b.created_at, b.max_concurrency, b.ramp_at, b.metadata, b.trace, b.single
from unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::integer[], $6::bigint[])
     as k (task, project, lane, skip, most, now)
cross join lateral (
    select * from segment
    where task = k.task and project = k.project and lane = k.lane and status = 0 and held = 0
      and position(batch_id in k.skip) < 1 and (expires_at is null or expires_at > k.now)
    order by priority desc, rank, id limit k.most
    for update skip locked
) s cross join lateral (
    -- After the segments, whatever the statistics say: OFFSET 0 keeps the planner from turning it round.
    select policy, created_at, max_concurrency, ramp_at, metadata, trace, single from batch where id = s.batch_id offset 0
) b
where (select set_config('synchronous_commit', 'off', true)) is not null;
