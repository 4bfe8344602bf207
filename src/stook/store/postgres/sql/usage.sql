select project, queue, task, sum(live)::bigint from lease group by project, queue, task;
