-- Those of a deployment, oldest first.
-- ?2: outcomes that are wanted, as bits: 1 succeeded, 2 failed, 4 cancelled, 8 expired, 16 not ended; ?5: 1 single
-- submissions too, 0 batches alone.
-- Asked for and ordered by the whole of an index, so that no planner takes another, which passes over all others.
select h.batch_id, h.project, h.dialect, h.app, h.action, h.label, h.version_id, h.deployment_id, b.single, b.keyed,
       b.phase, b.total, b.succeeded, b.failed, b.cancelled, b.expired, b.created_at
from hosted_batch h join batch b on b.id = h.batch_id
where (h.deployment_id, h.batch_id) > (?7, ?1) and h.deployment_id <= ?7
  and (?3 is null or h.action = ?3) and (?4 is null or h.label = ?4)
  and b.phase <> 'deleted' and (?5 = 1 or b.single = 0)
  and (?2 & 1 <> 0 and b.succeeded > 0 or ?2 & 2 <> 0 and b.failed > 0 or ?2 & 4 <> 0 and b.cancelled > 0
       or ?2 & 8 <> 0 and b.expired > 0
       or ?2 & 16 <> 0 and b.total > b.succeeded + b.failed + b.cancelled + b.expired)
order by h.deployment_id, h.batch_id limit ?6;
