-- Columns of `list_hosted_batches`.
select h.batch_id, h.project, h.dialect, h.app, h.action, h.label, h.version_id, h.deployment_id, b.single, b.keyed,
       b.phase, b.total, b.succeeded, b.failed, b.cancelled, b.expired, b.created_at
from hosted_batch h join batch b on b.id = h.batch_id
where h.batch_id = ?1 and b.phase <> 'deleted';
