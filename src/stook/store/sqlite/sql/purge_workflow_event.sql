delete from workflow_event where (batch_id, idx, name) in (
    select batch_id, idx, name from workflow_event where batch_id = ?1 limit ?2
);
