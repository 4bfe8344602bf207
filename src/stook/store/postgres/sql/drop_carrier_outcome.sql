delete from outcome where batch_id = any($1::bytea[]);
