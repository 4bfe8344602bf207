insert into webhook_delivery (
    id, event_id, endpoint_id, project, name, batch_id, idx, run, attempt, state, next_at, created_at, updated_at
) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, 0, 'pending', ?8, ?8, ?8);
