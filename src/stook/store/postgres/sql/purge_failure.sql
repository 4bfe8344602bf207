delete from failure where ctid = any(array(select ctid from failure where batch_id = $1 limit $2));
