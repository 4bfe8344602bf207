-- Locks: keys, in order.
select d.key, d.batch_id, d.idx, d.free_at
from dedupe d join unnest($1::text[], $2::text[], $3::text[]) as k (project, task, key) using (project, task, key)
order by d.project, d.task, d.key for update of d;
