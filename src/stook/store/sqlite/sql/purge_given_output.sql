delete from given_output where (batch_id, idx) in (
    select batch_id, idx from given_output where batch_id = ?1 limit ?2
);
