delete from blob where ctid = any(array(select ctid from blob where batch_id = $1 limit $2));
