select max_concurrency, paused from quota where scope = 'project' and project = $1 and name = '';
