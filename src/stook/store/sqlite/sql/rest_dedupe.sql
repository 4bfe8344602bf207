update dedupe set free_at = ?3 + ttl where batch_id = ?1 and idx = ?2 and ttl is not null;
