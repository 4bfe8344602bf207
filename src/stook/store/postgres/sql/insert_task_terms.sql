-- Waits for others that write the same tasks, all in one order.
insert into task_terms (
    project, task, body, declared
)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[]
) as t (project, task, body, declared)
order by project collate "C", task collate "C"
on conflict do nothing;
