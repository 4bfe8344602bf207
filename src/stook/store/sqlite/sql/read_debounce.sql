select task, key, batch_id, idx, opened_at, due_at from debounce where project = ?1 and task = ?2 and key = ?3;
