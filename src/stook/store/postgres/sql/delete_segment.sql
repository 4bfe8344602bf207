delete from segment where id = any($1::bigint[]);
