-- Their rows are locked before.
update lease set signal = 1 where token = any($1::bigint[]);
