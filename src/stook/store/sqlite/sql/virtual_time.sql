-- The front of a task's queue at one priority, of what has no lane; where nothing waits there, that of its project. And
-- whether the project limits what is submitted.
select coalesce(
    (
        select rank from segment
        where task = ?2 and project = ?1 and lane = '' and priority = ?3 and status = 0 and held = 0
        order by rank limit 1
    ),
    (select min(rank) from segment where project = ?1 and status = 0 and held = 0)
), exists (select 1 from project where name = ?1 and (counted = 1 or max_rate is not null));
