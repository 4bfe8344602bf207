-- Those of a project, oldest first.
-- $4: outcomes that are wanted, as bits: 1 succeeded, 2 failed, 4 cancelled, 8 expired, 16 not ended; $7: 1 single
-- submissions too, 0 batches alone.
-- Asked for and ordered by the whole of an index, so that no planner takes another, which passes over all others.
select h.batch_id, h.project, h.dialect, h.app, h.action, h.label, h.version_id, h.deployment_id, b.single, b.keyed,
       b.phase, b.total, b.succeeded, b.failed, b.cancelled, b.expired, b.created_at
from hosted_batch h cross join lateral (select * from batch where id = h.batch_id limit 1) b
where h.project = $1 and (h.dialect, h.batch_id) > ($2, $3) and h.dialect <= $2
  and ($5::text is null or h.action = $5) and ($6::text is null or h.label = $6)
  and b.phase <> 'deleted' and ($7::integer = 1 or b.single = 0)
  and ($4::integer & 1 <> 0 and b.succeeded > 0 or $4::integer & 2 <> 0 and b.failed > 0
       or $4::integer & 4 <> 0 and b.cancelled > 0 or $4::integer & 8 <> 0 and b.expired > 0
       or $4::integer & 16 <> 0 and b.total > b.succeeded + b.failed + b.cancelled + b.expired)
order by h.dialect, h.batch_id limit $8;
