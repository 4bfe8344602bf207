delete from failure_group where (batch_id, fingerprint) in (
    select batch_id, fingerprint from failure_group where batch_id = ?1 limit ?2
);
