delete from workflow_event where ctid = any(array(select ctid from workflow_event where batch_id = $1 limit $2));
