delete from outcome where ctid = any(array(select ctid from outcome where batch_id = $1 limit $2));
