-- ?4 is the ids of batches at their limit, end to end; ?5 how many to look at; ?6 the clock: what is past its time is not
-- started, whether or not a sweep has been by.
select s.id, s.batch_id, s.first, s.pos, s.stop, s.picks, s.project, s.task, s.queue, s.priority, s.rank, s.round,
       s.attempt, s.losses, s.closed, s.ready_at, s.lane, s.cost,
       b.policy, b.created_at, b.max_concurrency, b.ramp_at, b.metadata, b.trace, b.single
from (
    select * from segment
    where task = ?1 and project = ?2 and lane = ?3 and status = 0 and held = 0 and instr(?4, batch_id) = 0
      and (expires_at is null or expires_at > ?6)
    order by priority desc, rank, id limit ?5
) s join batch b on b.id = s.batch_id;
