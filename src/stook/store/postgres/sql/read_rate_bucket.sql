select b.project, b.task, b.name, b.key, b.tokens, b.at
from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as k (project, task, name, key)
cross join lateral (
    select * from rate_bucket where project = k.project and task = k.task and name = k.name and key = k.key limit 1
) b;
