insert into wait (
    batch_id, idx, key, kind, project, due_at, child_batch, child_idx, fails_parent, on_timeout, event_name, match,
    at
) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13);
