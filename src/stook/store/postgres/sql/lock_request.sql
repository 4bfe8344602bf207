-- Locks: one request's row, and nothing after it.
select method, path, digest, status, body, owner, begun_at, alive_until, done is not null from request
where project = $1 and key = $2 for update;
