select token, batch_id, worker from lease where expires_at <= ?1 order by expires_at limit ?2;
