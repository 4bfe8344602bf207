delete from suspension where ctid = any(array(select ctid from suspension where batch_id = $1 limit $2));
