insert into quota (
    scope, project, name, max_concurrency, paused
) values (?1, ?2, ?3, ?4, ?5)
on conflict (scope, project, name) do update
set max_concurrency = excluded.max_concurrency, paused = excluded.paused;
