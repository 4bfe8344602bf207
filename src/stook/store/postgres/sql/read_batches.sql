-- Columns of `read_batch`. Lateral and `offset 0`: each is one look into the index, whatever the statistics say.
select b.id, b.project, b.task, b.queue, b.name, b.key, b.digest, b.single, b.keyed, b.phase, b.ended, b.priority,
       b.policy, b.max_concurrency, b.total, b.consumed, b.succeeded, b.failed, b.cancelled, b.expired, b.scheduled,
       b.suspended, b.settled, b.retries, b.losses, b.streak, b.round, b.rank, b.stop, b.reason, b.probe, b.metadata,
       b.created_at, b.sealed_at, b.started_at, b.finished_at, b.ramp_at, b.deadline_at, b.open_until, b.webhooks
from unnest($1::bytea[]) as k (id) cross join lateral (select * from batch where id = k.id offset 0) b;
