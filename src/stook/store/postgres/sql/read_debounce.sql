select d.task, d.key, d.batch_id, d.idx, d.opened_at, d.due_at
from unnest($1::text[], $2::text[], $3::text[]) as k (project, task, key)
cross join lateral (
    select * from debounce where project = k.project and task = k.task and key = k.key limit 1
) d;
