delete from errand where id = any($1::bigint[]);
