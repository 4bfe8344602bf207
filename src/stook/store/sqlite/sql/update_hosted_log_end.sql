update hosted_log_end set last = ?2, upto = ?3, trimmed = ?4, trimmed_upto = ?5 where deployment_id = ?1;
