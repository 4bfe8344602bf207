update errand set tries = ?2, due_at = ?3, problem = ?4 where id = ?1;
