select id, env from hosted_deployment where id = any($1::text[]);
