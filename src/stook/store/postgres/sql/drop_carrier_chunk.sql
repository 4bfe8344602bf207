delete from chunk where batch_id = any($1::bytea[]);
