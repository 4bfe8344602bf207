delete from dedupe where ctid = any(array(select ctid from dedupe where batch_id = $1 limit $2));
