select t.task, t.key, t.batch_id, t.idx, t.until_at
from unnest($1::text[], $2::text[], $3::text[]) as k (project, task, key)
cross join lateral (
    select * from throttle where project = k.project and task = k.task and key = k.key limit 1
) t;
