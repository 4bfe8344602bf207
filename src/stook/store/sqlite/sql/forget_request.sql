delete from request where project = ?1 and key = ?2 and owner = ?3 and status is null and done is null;
