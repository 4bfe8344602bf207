delete from suspension where (batch_id, idx) in (
    select batch_id, idx from suspension where batch_id = ?1 limit ?2
);
