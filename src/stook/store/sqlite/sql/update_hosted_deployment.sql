update hosted_deployment
set state = ?2, reason = ?3, checksum = ?4, archive_sum = ?5, archive_bytes = ?6, facts = ?7, updated_at = ?8,
    running_at = ?9, deleted = ?10, arrived = ?11, kept = ?12, token = ?13, host = ?14, lease_until = ?15, losses = ?16,
    env = case when ?12 = 1 then env end
where id = ?1;
