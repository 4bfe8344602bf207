-- Locks: batch rows, in the order of their ids. The clock is read when a row's lock is held: the driver keeps it for
-- the verb's `Now`.
select b.*, (extract(epoch from clock_timestamp()) * 1000000)::bigint
from (
    select id, project, task, queue, name, key, digest, single, keyed, phase, ended, priority, policy,
           max_concurrency, total, consumed, succeeded, failed, cancelled, expired, scheduled, suspended, settled,
           retries, losses, streak, round, rank, stop, reason, probe, metadata, created_at, sealed_at, started_at,
           finished_at, ramp_at, deadline_at, open_until, webhooks,
           coalesce((select mask from webhook_hook h where h.project = batch.project), 0)
    from batch where id = any($1::bytea[]) order by id for update
) b;
