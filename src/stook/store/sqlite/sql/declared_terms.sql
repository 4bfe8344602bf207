select task, body, declared from task_terms where project = ?1 and task = ?2;
