update api_key set digest = ?2, old_digest = ?3, old_until = ?4, revoked_at = ?5 where id = ?1;
