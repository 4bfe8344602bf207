select project, key, owner, done from request where project = ?1 and key = ?2;
