delete from failure_group where ctid = any(array(select ctid from failure_group where batch_id = $1 limit $2));
