delete from hosted_log where deployment_id = $1;
