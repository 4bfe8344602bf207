delete from memo where ctid = any(array(select ctid from memo where batch_id = $1 limit $2));
