delete from item_key where (batch_id, key) in (
    select batch_id, key from item_key where batch_id = ?1 limit ?2
);
