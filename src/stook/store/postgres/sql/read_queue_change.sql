select coalesce(sum(items), 0)::bigint, coalesce(sum(bytes), 0)::bigint from queue_change where project = $1;
