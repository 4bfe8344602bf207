select s.id, s.batch_id, s.first, s.pos, s.stop, s.picks, s.project, s.task, s.queue, s.priority, s.rank, s.round,
       s.attempt, s.losses, s.closed, s.ready_at, s.lane, s.cost,
       b.policy, b.created_at, b.max_concurrency, b.ramp_at, b.metadata, b.trace, b.single
from (select * from segment where task = ?1 and id > ?2 and status = 2 and held = 0 order by id limit 1) s
join batch b on b.id = s.batch_id;
