update project set
    weight = ?2, max_queued_items = ?3, max_payload_bytes = ?4, max_rate = ?5, counted = ?6, queued_items = ?7,
    queued_bytes = ?8, tokens = ?9, tokens_at = ?10
where name = ?1;
