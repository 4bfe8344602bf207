select scope, project, name, max_concurrency, paused, declared from quota;
