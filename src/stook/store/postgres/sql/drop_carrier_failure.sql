delete from failure where batch_id = any($1::bytea[]);
