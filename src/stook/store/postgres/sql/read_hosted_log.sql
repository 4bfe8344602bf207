select number, at, text, execution_id from hosted_log
where deployment_id = $1 and number > $2 and at >= $3 order by number limit $4;
