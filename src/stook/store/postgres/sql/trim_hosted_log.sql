delete from hosted_log where deployment_id = $1 and (number <= $2 or upto <= $3);
