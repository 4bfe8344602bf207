-- Locks: the rows of the tasks, in one order.
select task, body, declared from task_terms
where (project, task) in (select project, task from unnest($1::text[], $2::text[]) as k (project, task))
order by task for update;
