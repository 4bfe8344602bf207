update request set done = ?3 where project = ?1 and key = ?2;
