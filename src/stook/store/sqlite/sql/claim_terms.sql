-- Limits and pauses.
select scope, project, name, max_concurrency, paused from quota;
