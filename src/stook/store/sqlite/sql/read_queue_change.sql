select coalesce(sum(items), 0), coalesce(sum(bytes), 0) from queue_change where project = ?1;
