delete from state where batch_id = any($1::bytea[]);
