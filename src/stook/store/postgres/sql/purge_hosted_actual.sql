delete from hosted_actual where ctid = any(array(select ctid from hosted_actual where batch_id = $1 limit $2));
