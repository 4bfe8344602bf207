select id, stop from batch where id = any($1::bytea[]);
