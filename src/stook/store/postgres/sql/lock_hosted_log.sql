-- Locks: the end of a log.
select last, upto, trimmed, trimmed_upto from hosted_log_end where deployment_id = $1 for update;
