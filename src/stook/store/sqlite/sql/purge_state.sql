delete from state where (batch_id, first) in (
    select batch_id, first from state where batch_id = ?1 limit ?2
);
