select name, queue, policy, schema, seen_at from task where name = ?1;
