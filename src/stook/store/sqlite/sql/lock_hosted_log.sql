select last, upto, trimmed, trimmed_upto from hosted_log_end where deployment_id = ?1;
