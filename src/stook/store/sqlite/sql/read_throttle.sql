select task, key, batch_id, idx, until_at from throttle where project = ?1 and task = ?2 and key = ?3;
