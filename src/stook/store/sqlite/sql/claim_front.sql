-- Limits and pauses, and the terms of tasks; then, as 'flow', the projects with ready work of a task, found by skipping
-- along the ready index, with the first and the last lane of it (claim_lanes finds those between), and the task without
-- a project where suspects wait.
with recursive flow (project) as (
    select (select s.project from segment s where s.task = ?1 and s.status = 0 and s.held = 0 order by s.project limit 1)
    union all
    select (
        select s.project from segment s
        where s.task = ?1 and s.project > flow.project and s.status = 0 and s.held = 0
        order by s.project limit 1
    ) from flow where flow.project is not null
)
select scope, project, name, max_concurrency, paused, null, null, null from quota
union all
select 'terms', project, task, null, 0, body, null, null from task_terms
union all
select 'flow', project, ?1, null, null, null, (
    select s.lane from segment s
    where s.task = ?1 and s.project = flow.project and s.status = 0 and s.held = 0 order by s.lane limit 1
), (
    select s.lane from segment s
    where s.task = ?1 and s.project = flow.project and s.status = 0 and s.held = 0 order by s.lane desc limit 1
) from flow where project is not null
union all
select 'flow', null, ?1, null, null, null, null, null
where exists (select 1 from segment where task = ?1 and status = 2 and held = 0);
