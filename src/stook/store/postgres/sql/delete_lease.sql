delete from lease where token = any($1::bigint[]);
