select task, worker, program, at, seen_at from deployment where project = $1 order by task, at, worker;
