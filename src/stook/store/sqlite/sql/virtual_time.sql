-- The front of a task's queue at one priority, of what has no lane; where nothing waits there, that of its project.
select coalesce(
    (
        select rank from segment
        where task = ?2 and project = ?1 and lane = '' and priority = ?3 and status = 0 and held = 0
        order by rank limit 1
    ),
    (select min(rank) from segment where project = ?1 and status = 0 and held = 0)
);
