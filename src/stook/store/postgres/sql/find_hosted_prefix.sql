-- The newest of these ids.
select h.batch_id, b.total
from hosted_batch h cross join lateral (select * from batch where id = h.batch_id limit 1) b
where h.project = $1 and (h.dialect, h.batch_id) <= ($2, $4) and (h.dialect, h.batch_id) >= ($2, $3)
  and b.phase <> 'deleted' and b.total > 0
order by h.dialect desc, h.batch_id desc limit $5;
