delete from consumed_block where (batch_id, first) in (
    select batch_id, first from consumed_block where batch_id = ?1 limit ?2
);
