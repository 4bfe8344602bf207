-- The project's own goes before that of all.
select name, queue, policy, schema, seen_at from project_task where project = ?2 and name = ?1
union all
select name, queue, policy, schema, seen_at from task where name = ?1
and not exists (select 1 from project_task where project = ?2 and name = ?1);
