select ?2, coalesce(max(number), 0) from item_change where batch_id = ?1 and idx = ?2;
