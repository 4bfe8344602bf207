delete from segment where ctid = any(array(select ctid from segment where batch_id = $1 limit $2));
