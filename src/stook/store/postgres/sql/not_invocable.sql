-- Tasks that their triggers start, and no call.
select r.project, r.task from unnest($1::text[], $2::text[]) as k (project, task)
join registration r on r.project = k.project and r.task = k.task
where r.invocable = 0;
