delete from request where project = ?1 and key = ?2 and status is null;
