-- Columns of `list_hosted_batches`. Lateral and `offset 0`: each batch is one look into each index, whatever the
-- statistics say.
select h.batch_id, h.project, h.dialect, h.app, h.action, h.label, h.version_id, h.deployment_id, b.single, b.keyed,
       b.phase, b.total, b.succeeded, b.failed, b.cancelled, b.expired, b.created_at
from unnest($1::bytea[]) as k (batch_id)
cross join lateral (select * from hosted_batch where batch_id = k.batch_id offset 0) h
cross join lateral (select * from batch where id = k.batch_id and phase <> 'deleted' offset 0) b;
