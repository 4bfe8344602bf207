insert into quota (
    scope, project, name, max_concurrency, paused, declared
) values (?1, ?2, ?3, ?4, ?5, ?6)
on conflict (scope, project, name) do update
set max_concurrency = excluded.max_concurrency, paused = excluded.paused, declared = excluded.declared;
