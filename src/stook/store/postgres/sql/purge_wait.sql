delete from wait where ctid = any(array(select ctid from wait where batch_id = $1 limit $2));
