-- The clock comes with it: whether an old secret is still good is asked at once.
select id, project, name, scopes, digest, old_digest, old_until, created_at, revoked_at, last_used_at,
       (extract(epoch from clock_timestamp()) * 1000000)::bigint
from api_key where id = $1;
