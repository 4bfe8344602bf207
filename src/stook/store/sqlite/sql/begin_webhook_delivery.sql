update webhook_delivery set state = 'delivering', updated_at = ?3
where id = ?1 and run = ?2 and state in ('pending', 'delivering', 'failed');
