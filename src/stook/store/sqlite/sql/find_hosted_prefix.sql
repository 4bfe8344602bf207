-- The newest of these ids.
select h.batch_id, b.total
from hosted_batch h join batch b on b.id = h.batch_id
where h.project = ?1 and (h.dialect, h.batch_id) <= (?2, ?4) and (h.dialect, h.batch_id) >= (?2, ?3)
  and b.phase <> 'deleted' and b.total > 0
order by h.dialect desc, h.batch_id desc limit ?5;
