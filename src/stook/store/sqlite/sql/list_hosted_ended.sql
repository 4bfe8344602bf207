-- Those of an app that have ended in one way (?4: `hosted_batch.ended`), the newest first; the other parameters as in
-- `list_hosted_app.sql`. Asked for and ordered by the whole of an index, so that no planner takes another.
select h.batch_id, h.project, h.dialect, h.app, h.action, h.label, h.version_id, h.deployment_id, b.single, b.keyed,
       b.phase, b.total, b.succeeded, b.failed, b.cancelled, b.expired, b.created_at
from hosted_batch h join batch b on b.id = h.batch_id
where h.project = ?1 and h.dialect = ?2 and h.app = ?3
  and (h.ended, h.batch_id) < (?4, ?5) and h.ended >= ?4
  and (?7 is null or h.action = ?7) and (?8 is null or h.label = ?8)
  and b.phase <> 'deleted' and (?9 = 1 or b.single = 0)
  and (?6 & 1 <> 0 and b.succeeded > 0 or ?6 & 2 <> 0 and b.failed > 0 or ?6 & 4 <> 0 and b.cancelled > 0
       or ?6 & 8 <> 0 and b.expired > 0
       or ?6 & 16 <> 0 and b.total > b.succeeded + b.failed + b.cancelled + b.expired)
order by h.ended desc, h.batch_id desc limit ?10;
