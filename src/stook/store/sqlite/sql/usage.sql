select project, queue, task, sum(live) from lease group by project, queue, task;
