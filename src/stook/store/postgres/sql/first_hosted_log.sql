select number, at from hosted_log where deployment_id = $1 order by number limit 1;
