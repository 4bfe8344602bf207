-- What is next in line, of each task and project that has ready work: found by skipping along the ready index. It is
-- named, since with statistics of few tasks the planner would rather make an index of its own.
with recursive named (task) as (
    select (select min(task) from segment indexed by segment_ready where status = 0 and held = 0)
    union all
    select (
        select min(s.task) from segment s indexed by segment_ready
        where s.task > named.task and s.status = 0 and s.held = 0
    ) from named where task is not null
), flow (task, project) as (
    select task, (
        select min(s.project) from segment s indexed by segment_ready
        where s.task = named.task and s.status = 0 and s.held = 0
    ) from named where task is not null
    union all
    select task, (
        select min(s.project) from segment s indexed by segment_ready
        where s.task = flow.task and s.project > flow.project and s.status = 0 and s.held = 0
    ) from flow where project is not null
)
select h.project, h.queue, h.ready_at
from flow join segment h on h.id = (
    select s.id from segment s indexed by segment_ready
    where s.task = flow.task and s.project = flow.project and s.status = 0 and s.held = 0
    order by s.lane, s.priority desc, s.rank, s.id limit 1
)
where flow.project is not null;
