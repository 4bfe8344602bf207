-- What is next in line, of each task and project that has ready work: found by skipping along the ready index.
-- `order by`, not min(): while it expects few rows, the planner looks at them all.
with recursive named (task) as (
    (select s.task from segment s where s.status = 0 and s.held = 0 order by s.task limit 1)
    union all
    select (
        select s.task from segment s
        where s.task > named.task and s.status = 0 and s.held = 0
        order by s.task limit 1
    ) from named where task is not null
), flow (task, project) as (
    select task, (
        select s.project from segment s
        where s.task = named.task and s.status = 0 and s.held = 0
        order by s.project limit 1
    ) from named where task is not null
    union all
    select task, (
        select s.project from segment s
        where s.task = flow.task and s.project > flow.project and s.status = 0 and s.held = 0
        order by s.project limit 1
    ) from flow where project is not null
)
select h.project, h.queue, h.ready_at
from flow cross join lateral (
    select s.project, s.queue, s.ready_at from segment s
    where s.task = flow.task and s.project = flow.project and s.status = 0 and s.held = 0
    order by s.lane, s.priority desc, s.rank, s.id limit 1
) h
where flow.project is not null;
