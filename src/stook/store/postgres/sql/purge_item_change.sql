delete from item_change where ctid = any(array(select ctid from item_change where batch_id = $1 limit $2));
