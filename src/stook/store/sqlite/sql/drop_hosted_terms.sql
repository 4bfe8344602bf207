delete from task_terms where project = ?1 and task >= ?2 and task < ?3;
