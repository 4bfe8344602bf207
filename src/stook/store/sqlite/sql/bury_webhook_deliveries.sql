update webhook_delivery set state = 'dead', next_at = null, error = ?2, updated_at = ?3
where endpoint_id = ?1 and state <> 'delivered' and state <> 'dead';
