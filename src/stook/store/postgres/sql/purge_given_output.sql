delete from given_output where ctid = any(array(select ctid from given_output where batch_id = $1 limit $2));
