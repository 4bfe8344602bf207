-- Items in front of (priority ?3, rank ?4, segment ?5) in a lane (?7) of a project's queue of a task, and in how many
-- segments: those of higher priority, then those of earlier rank, up to ?6 segments of each.
select coalesce(sum(items), 0), count(*) from (
    select * from (
        select stop - pos as items from segment
        where task = ?1 and project = ?2 and lane = ?7 and status = 0 and held = 0 and priority > ?3
        order by priority desc, rank, id limit ?6
    ) higher
    union all
    select * from (
        select stop - pos as items from segment
        where task = ?1 and project = ?2 and lane = ?7 and status = 0 and held = 0 and priority = ?3 and (rank, id) < (?4, ?5)
        order by rank, id limit ?6
    ) earlier
) ahead;
