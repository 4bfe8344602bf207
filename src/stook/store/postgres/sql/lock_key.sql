-- Locks: one key's row, and nothing after it. The clock is read when it is held.
select k.*, (extract(epoch from clock_timestamp()) * 1000000)::bigint
from (
    select id, project, name, scopes, digest, old_digest, old_until, created_at, revoked_at, last_used_at
    from api_key where id = $1 and project = $2 for update
) k;
