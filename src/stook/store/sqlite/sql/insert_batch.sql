insert into batch (
    id, project, task, queue, name, key, digest, single, phase, priority, policy, max_concurrency, metadata,
    created_at, deadline_at, open_until
) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16);
