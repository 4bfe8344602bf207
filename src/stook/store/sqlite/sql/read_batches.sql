-- Columns of `read_batch`.
select id, project, task, queue, name, key, digest, single, keyed, phase, ended, priority, policy,
       max_concurrency, total, consumed, succeeded, failed, cancelled, expired, scheduled, suspended, settled, retries,
       losses, streak, round, rank, stop, reason, probe, metadata, created_at, sealed_at, started_at, finished_at,
       ramp_at, deadline_at, open_until, webhooks
from batch where id = ?1;
