select id, env from hosted_deployment where id = ?1;
