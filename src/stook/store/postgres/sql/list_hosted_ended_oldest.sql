-- Those of an app that have ended in one way ($4: `hosted_batch.ended`), the oldest first; the other parameters as in
-- `list_hosted_app.sql`. Asked for and ordered by the whole of an index, so that no planner takes another.
select f.*
from unnest(
    $1::text[], $2::text[], $3::text[], $4::integer[], $5::bytea[], $6::integer[], $7::text[], $8::text[],
    $9::integer[], $10::integer[]
) as n (project, dialect, app, ended, behind, wanted, action, label, singles, most)
cross join lateral (
    select h.batch_id, h.project, h.dialect, h.app, h.action, h.label, h.version_id, h.deployment_id, b.single, b.keyed,
       b.phase, b.total, b.succeeded, b.failed, b.cancelled, b.expired, b.created_at
    from hosted_batch h cross join lateral (select * from batch where id = h.batch_id limit 1) b
    where h.project = n.project and h.dialect = n.dialect and h.app = n.app
      and (h.ended, h.batch_id) > (n.ended, n.behind) and h.ended <= n.ended
      and (n.action is null or h.action = n.action) and (n.label is null or h.label = n.label)
      and b.phase <> 'deleted' and (n.singles = 1 or b.single = 0)
      and (n.wanted & 1 <> 0 and b.succeeded > 0 or n.wanted & 2 <> 0 and b.failed > 0
           or n.wanted & 4 <> 0 and b.cancelled > 0 or n.wanted & 8 <> 0 and b.expired > 0
           or n.wanted & 16 <> 0 and b.total > b.succeeded + b.failed + b.cancelled + b.expired)
    order by h.ended, h.batch_id limit n.most
) f;
