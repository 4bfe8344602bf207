delete from chunk where ctid = any(array(select ctid from chunk where batch_id = $1 limit $2));
