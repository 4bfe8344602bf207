delete from failure where (batch_id, idx, round, attempt, nth) in (
    select batch_id, idx, round, attempt, nth from failure where batch_id = ?1 limit ?2
);
