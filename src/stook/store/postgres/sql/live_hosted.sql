-- Of each deployment one row, however much waits for it.
with recursive live (id) as (
    select substr(min(task), 1, 36) from batch
    where phase not in ('closed', 'deleted') and substr(task, 37, 1) = '/'
    union all
    select (
        select substr(min(b.task), 1, 36) from batch b
        where b.task >= live.id || '0' and b.phase not in ('closed', 'deleted') and substr(b.task, 37, 1) = '/'
    )
    from live where live.id is not null
)
select id from live where id is not null;
