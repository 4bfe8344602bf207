select task, app, program, at, invocable from registration where project = ?1 order by task;
