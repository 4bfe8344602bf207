delete from batch where id = any($1::bytea[]);
