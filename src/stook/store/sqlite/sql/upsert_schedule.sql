insert into schedule (
    project, task, name, expr, tz, payload, priority, missed, overlap, static, policy, paused, next_at, due_at, owed,
    skipped, last_at, last_id, trouble, created_at, changed_at
) values (
    ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21
)
on conflict (project, task, name) do update set
    expr = excluded.expr, tz = excluded.tz, payload = excluded.payload, priority = excluded.priority, missed =
    excluded.missed, overlap = excluded.overlap, static = excluded.static, policy = excluded.policy, paused =
    excluded.paused, next_at = excluded.next_at, due_at = excluded.due_at, owed = excluded.owed, skipped =
    excluded.skipped, last_at = excluded.last_at, last_id = excluded.last_id, trouble = excluded.trouble, changed_at =
    excluded.changed_at;
