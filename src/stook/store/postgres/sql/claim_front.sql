-- Limits and pauses, and the terms of tasks; then, as 'flow', the projects with ready work of a task, found by skipping
-- along the ready index, with the first and the last lane of it, and the task without a project where suspects wait. With
-- the clock for the verb's `Now`: there is always a row of nulls. `order by`, not min(): while it expects few rows, the
-- planner looks at them all.
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
select q.scope, q.project, q.name, q.max_concurrency, q.paused, q.body, q.first_lane, q.last_lane,
       (extract(epoch from clock_timestamp()) * 1000000)::bigint
from (
    select null::text as scope, null::text as project, null::text as name, null::integer as max_concurrency,
           null::integer as paused, null::text as body, null::text as first_lane, null::text as last_lane
    union all
    select scope, project, name, max_concurrency, paused, null, null, null from quota
    union all
    select 'terms', project, task, null, 0, body, null, null from task_terms
    union all
    select 'flow', project, task, null, null, null, (
        select s.lane from segment s
        where s.task = flow.task and s.project = flow.project and s.status = 0 and s.held = 0
        order by s.lane limit 1
    ), (
        select s.lane from segment s
        where s.task = flow.task and s.project = flow.project and s.status = 0 and s.held = 0
        order by s.lane desc limit 1
    ) from flow where project is not null
    union all
    select 'flow', null, t.task, null, null, null, null, null from unnest($1::text[]) as t (task)
    where (
        select s.id from segment s where s.task = t.task and s.status = 2 and s.held = 0 order by s.id limit 1
    ) is not null
) q;
