delete from chunk_lane where ctid = any(array(select ctid from chunk_lane where batch_id = $1 limit $2));
