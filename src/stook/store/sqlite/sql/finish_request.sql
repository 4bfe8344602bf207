update request set status = ?4, body = ?5 where project = ?1 and key = ?2 and owner = ?3 and status is null;
