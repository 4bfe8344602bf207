insert into hosted_log_end (
    deployment_id, last, upto, trimmed, trimmed_upto
) values (?1, ?2, ?3, ?4, ?5);
