select method, path, digest, status, body, owner, begun_at, alive_until, done is not null from request where project = ?1 and key = ?2;
