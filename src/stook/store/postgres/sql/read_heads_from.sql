-- From the chunk that holds item $2 on.
select c.first, c.count, c.starts, c.keys, c.blobs, s.states
from chunk c join state s on s.batch_id = c.batch_id and s.first = c.first
where c.batch_id = $1
  and c.first >= coalesce((select max(first) from chunk where batch_id = $1 and first <= $2), $2)
order by c.first limit $3;
