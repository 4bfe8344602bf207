insert into worker (
    id, host, process, tasks, started_at, seen_at, project
) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
on conflict (id) do update set seen_at = excluded.seen_at, tasks = excluded.tasks, project = excluded.project;
