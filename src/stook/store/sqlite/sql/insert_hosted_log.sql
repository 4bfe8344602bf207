insert into hosted_log (
    deployment_id, number, at, execution_id, upto, text
) values (?1, ?2, ?3, ?4, ?5, ?6);
