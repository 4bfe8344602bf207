delete from loss where ctid = any(array(select ctid from loss where batch_id = $1 limit $2));
