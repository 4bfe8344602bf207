-- Columns of `read_batch`. ?4 is comma-separated: phases, and the states of ended batches.
select id, project, task, queue, name, key, digest, single, keyed, phase, ended, priority, policy,
       max_concurrency, total, consumed, succeeded, failed, cancelled, expired, scheduled, suspended, settled, retries,
       losses, streak, round, rank, stop, reason, probe, metadata, created_at, sealed_at, started_at, finished_at,
       ramp_at, deadline_at, open_until, webhooks
from batch
where project = ?1 and id < ?2 and single = 0 and phase <> 'deleted'
  and (?3 is null or task = ?3) and (?4 is null or instr(?4, ',' || coalesce(ended, phase) || ',') > 0)
order by id desc limit ?5;
