select name, queue, policy, schema, seen_at from project_task where project = $1 order by name;
