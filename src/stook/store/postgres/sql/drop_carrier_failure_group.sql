delete from failure_group where batch_id = any($1::bytea[]);
