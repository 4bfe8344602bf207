delete from hosted_event where ctid = any(array(select ctid from hosted_event where batch_id = $1 limit $2));
