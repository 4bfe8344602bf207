delete from external_id where ctid = any(array(select ctid from external_id where batch_id = $1 limit $2));
