update webhook_delivery set run = ?2, attempt = 0, state = 'pending', next_at = ?3, updated_at = ?3 where id = ?1;
