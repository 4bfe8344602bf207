insert into worker (
    id, host, process, tasks, started_at, seen_at
) values (?1, ?2, ?3, ?4, ?5, ?6)
on conflict (id) do update set seen_at = excluded.seen_at, tasks = excluded.tasks;
