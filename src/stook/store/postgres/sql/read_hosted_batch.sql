-- Columns of `list_hosted_batches`.
select h.batch_id, h.project, h.dialect, h.app, h.action, h.label, h.version_id, h.deployment_id, b.single, b.keyed,
       b.phase, b.total, b.succeeded, b.failed, b.cancelled, b.expired, b.created_at
from unnest($1::bytea[]) as k (batch_id)
join hosted_batch h on h.batch_id = k.batch_id join batch b on b.id = h.batch_id
where b.phase <> 'deleted';
