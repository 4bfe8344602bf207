update lease set expires_at = max(expires_at, ?2) where token = ?1;
