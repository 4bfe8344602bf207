delete from dedupe where project = ?1 and task = ?2 and key = ?3;
