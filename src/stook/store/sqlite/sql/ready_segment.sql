update segment set status = 0, rank = ?2, ready_at = ?3, due_at = null where id = ?1;
