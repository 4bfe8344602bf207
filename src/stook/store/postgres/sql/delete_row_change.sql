delete from row_change where id = any($1::bigint[]);
