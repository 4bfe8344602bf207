update request set alive_until = ?3 where project = ?1 and key = ?2 and status is null returning key;
