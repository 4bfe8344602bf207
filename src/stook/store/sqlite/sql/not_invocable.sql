-- Tasks that their triggers start, and no call.
select project, task from registration where project = ?1 and task = ?2 and invocable = 0;
