-- The first ?5 lanes with ready work from ?3 on and before ?4, found by skipping along the ready index.
with recursive found (lane, number) as (
    select (
        select s.lane from segment s
        where s.task = ?1 and s.project = ?2 and s.lane >= ?3 and s.lane < ?4 and s.status = 0 and s.held = 0
        order by s.lane limit 1
    ), 1
    union all
    select (
        select s.lane from segment s
        where s.task = ?1 and s.project = ?2 and s.lane > found.lane and s.lane < ?4 and s.status = 0 and s.held = 0
        order by s.lane limit 1
    ), number + 1 from found where found.lane is not null and number < ?5
)
select ?1, ?2, lane from found where lane is not null;
