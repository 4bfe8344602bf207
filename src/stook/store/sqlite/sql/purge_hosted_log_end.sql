delete from hosted_log_end where deployment_id = ?1;
