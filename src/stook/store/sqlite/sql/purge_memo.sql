delete from memo where (batch_id, idx, key) in (
    select batch_id, idx, key from memo where batch_id = ?1 limit ?2
);
