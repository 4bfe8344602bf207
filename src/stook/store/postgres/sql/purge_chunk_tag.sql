delete from chunk_tag where ctid = any(array(select ctid from chunk_tag where batch_id = $1 limit $2));
