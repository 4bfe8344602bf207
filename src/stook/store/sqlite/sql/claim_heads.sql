-- ?3 is the ids of batches at their limit, end to end; ?4 how many to look at.
select s.id, s.batch_id, s.first, s.pos, s.stop, s.picks, s.project, s.task, s.queue, s.priority, s.rank, s.round,
       s.attempt, s.losses, s.closed, s.ready_at,
       b.policy, b.created_at, b.max_concurrency, b.ramp_at, b.metadata, b.trace, b.single
from (
    select * from segment
    where task = ?1 and project = ?2 and status = 0 and held = 0 and instr(?3, batch_id) = 0
    order by priority desc, rank, id limit ?4
) s join batch b on b.id = s.batch_id;
