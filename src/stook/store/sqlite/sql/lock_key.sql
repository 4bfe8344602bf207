select id, project, name, scopes, digest, old_digest, old_until, created_at, revoked_at, last_used_at
from api_key where id = ?1 and project = ?2;
