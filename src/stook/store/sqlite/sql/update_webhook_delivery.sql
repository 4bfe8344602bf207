update webhook_delivery set
    run = ?2, attempt = ?3, state = ?4, next_at = ?5, code = ?6, error = ?7, duration = ?8, updated_at = ?9
where id = ?1;
