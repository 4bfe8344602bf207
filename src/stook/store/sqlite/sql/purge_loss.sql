delete from loss where (batch_id, idx, token) in (
    select batch_id, idx, token from loss where batch_id = ?1 limit ?2
);
