select id, batch_id from segment where expires_at is not null and expires_at <= ?1 order by expires_at limit ?2;
