delete from hosted_batch where ctid = any(array(select ctid from hosted_batch where batch_id = $1 limit $2));
