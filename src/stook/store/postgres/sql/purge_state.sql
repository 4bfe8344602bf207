delete from state where ctid = any(array(select ctid from state where batch_id = $1 limit $2));
