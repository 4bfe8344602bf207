-- Of each deployment one row, however much waits for it. `order by`, not min(): while it expects few rows, the planner
-- looks at them all.
with recursive live (id) as (
    (
        select substr(task, 1, 36) from batch
        where phase not in ('closed', 'deleted') and substr(task, 37, 1) = '/'
        order by task, id limit 1
    )
    union all
    select (
        select substr(b.task, 1, 36) from batch b
        where b.task >= live.id || '0' and b.phase not in ('closed', 'deleted') and substr(b.task, 37, 1) = '/'
        order by b.task, b.id limit 1
    )
    from live where live.id is not null
)
select id from live where id is not null;
