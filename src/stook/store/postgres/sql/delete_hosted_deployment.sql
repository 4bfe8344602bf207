delete from hosted_deployment where id = $1;
