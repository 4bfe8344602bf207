insert into webhook_endpoint (
    id, project, url, description, events, mask, tasks, reach, auth_kind, auth_name, auth_value, schemes,
    max_concurrency, status, reason, secret, secret_hint, old_secret, old_until, failures, failing_since, trial_at,
    held_until, wake_at, created_at, updated_at
) values (
    ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24,
    ?25, ?26
);
