select project, queue, count(*), sum(live) from lease group by project, queue;
