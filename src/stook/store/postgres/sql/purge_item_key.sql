delete from item_key where ctid = any(array(select ctid from item_key where batch_id = $1 limit $2));
