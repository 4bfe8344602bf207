-- Tasks with ready work in a project, and their queues, found by skipping along the ready index.
with recursive known (task) as (
    (select task from segment where status = 0 and held = 0 order by task limit 1)
    union all
    select (
        select s.task from segment s
        where s.task > known.task and s.status = 0 and s.held = 0 order by s.task limit 1
    )
    from known where task is not null
)
select * from (
    select task, (
        select s.queue from segment s
        where s.task = known.task and s.project = $1 and s.status = 0 and s.held = 0
        order by s.lane, s.priority desc, s.rank, s.id limit 1
    ) as queue
    from known where task is not null
) ready where queue is not null;
