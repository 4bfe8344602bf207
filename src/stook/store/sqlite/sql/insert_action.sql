insert into action (
    id, project, kind, batch_id, scope, actor, state, affected, created_at, finished_at
) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10);
