select project, queue, count(*), sum(live)::bigint from lease group by project, queue;
