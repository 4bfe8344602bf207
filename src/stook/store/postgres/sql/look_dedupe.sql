-- Each by its primary key, however many there are.
select d.task, d.key, d.batch_id, d.idx, d.free_at
from unnest($1::text[], $2::text[], $3::text[]) as k (project, task, key)
cross join lateral (
    select * from dedupe where project = k.project and task = k.task and key = k.key limit 1
) d;
