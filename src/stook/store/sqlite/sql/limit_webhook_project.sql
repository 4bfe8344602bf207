insert into quota (scope, project, name, max_concurrency, paused) values ('project', ?1, '', ?2, ?3)
on conflict (scope, project, name) do update set max_concurrency = excluded.max_concurrency, paused = excluded.paused;
