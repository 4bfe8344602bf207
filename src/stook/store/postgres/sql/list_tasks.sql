select name, queue, policy, schema, seen_at from task order by name;
