delete from log where ctid = any(array(select ctid from log where batch_id = $1 limit $2));
