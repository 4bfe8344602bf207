insert into project_task (
    project, name, queue, policy, schema, seen_at
) values (?1, ?2, ?3, ?4, ?5, ?6)
on conflict (project, name) do update
set queue = excluded.queue, policy = excluded.policy, schema = excluded.schema, seen_at = excluded.seen_at;
