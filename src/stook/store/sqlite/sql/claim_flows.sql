-- Projects with ready work of a task, found by skipping along the ready index; and the task without a project where
-- suspects wait.
with recursive flow (task, project) as (
    select ?1, (select min(project) from segment where task = ?1 and status = 0 and held = 0)
    union all
    select task, (
        select min(s.project) from segment s
        where s.task = flow.task and s.project > flow.project and s.status = 0 and s.held = 0
    ) from flow where project is not null
)
select task, project from flow where project is not null
union all
select ?1, null where exists (select 1 from segment where task = ?1 and status = 2 and held = 0);
