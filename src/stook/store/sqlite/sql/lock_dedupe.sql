select key, batch_id, idx, free_at from dedupe where project = ?1 and task = ?2 and key = ?3;
