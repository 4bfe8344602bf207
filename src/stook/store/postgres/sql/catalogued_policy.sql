-- The project's own goes before that of all.
select k.project, k.task, coalesce(
    (select policy from project_task where project = k.project and name = k.task),
    (select policy from task where name = k.task)
)
from unnest($1::text[], $2::text[]) as k (project, task);
