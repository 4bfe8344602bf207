update request set
    method = ?3, path = ?4, digest = ?5, status = null, body = null, done = null, owner = ?6, begun_at = ?7, alive_until = ?8
where project = ?1 and key = ?2;
