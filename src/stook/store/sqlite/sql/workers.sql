select id, host, process, tasks, started_at, seen_at from worker order by id;
