-- The first $5 lanes with ready work from $3 on and before $4, found by skipping along the ready index.
with recursive found (task, project, before, most, lane, number) as (
    select k.task, k.project, k.before, k.most, (
        select s.lane from segment s
        where s.task = k.task and s.project = k.project and s.lane >= k.since and s.lane < k.before
          and s.status = 0 and s.held = 0
        order by s.lane limit 1
    ), 1
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::integer[]) as k (task, project, since, before, most)
    union all
    select task, project, before, most, (
        select s.lane from segment s
        where s.task = found.task and s.project = found.project and s.lane > found.lane and s.lane < found.before
          and s.status = 0 and s.held = 0
        order by s.lane limit 1
    ), number + 1
    from found where lane is not null and number < most
)
select task, project, lane from found where lane is not null;
