select method, path, digest, status, body, owner, begun_at, alive_until from request where project = ?1 and key = ?2;
