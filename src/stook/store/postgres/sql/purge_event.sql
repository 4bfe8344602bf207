delete from event where ctid = any(array(select ctid from event where batch_id = $1 limit $2));
