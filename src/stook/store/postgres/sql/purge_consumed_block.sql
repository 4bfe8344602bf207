delete from consumed_block where ctid = any(array(select ctid from consumed_block where batch_id = $1 limit $2));
