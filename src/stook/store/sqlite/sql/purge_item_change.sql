delete from item_change where (batch_id, idx, number) in (
    select batch_id, idx, number from item_change where batch_id = ?1 limit ?2
);
