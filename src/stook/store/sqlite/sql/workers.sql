select id, host, process, tasks, started_at, seen_at, project from worker order by id;
