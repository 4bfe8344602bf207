-- Projects with ready work of a task, found by skipping along the ready index, with the first and the last lane of it;
-- and the task without a project where suspects wait. `order by`, not min(): while it expects few rows, the planner looks
-- at them all.
with recursive flow (task, project) as (
    select t.task, (
        select s.project from segment s
        where s.task = t.task and s.status = 0 and s.held = 0
        order by s.project limit 1
    )
    from unnest($1::text[]) as t (task)
    union all
    select task, (
        select s.project from segment s
        where s.task = flow.task and s.project > flow.project and s.status = 0 and s.held = 0
        order by s.project limit 1
    ) from flow where project is not null
)
select task, project, (
    select s.lane from segment s
    where s.task = flow.task and s.project = flow.project and s.status = 0 and s.held = 0 order by s.lane limit 1
), (
    select s.lane from segment s
    where s.task = flow.task and s.project = flow.project and s.status = 0 and s.held = 0 order by s.lane desc limit 1
) from flow where project is not null
union all
select t.task, null, null, null from unnest($1::text[]) as t (task)
where (select s.id from segment s where s.task = t.task and s.status = 2 and s.held = 0 order by s.id limit 1) is not null;
