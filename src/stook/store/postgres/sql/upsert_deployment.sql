-- Waits for others that write the same ones, all in one order.
insert into deployment (
    project, task, worker, program, at, seen_at
)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[]
) as t (project, task, worker, program, at, seen_at)
order by project collate "C", task collate "C", worker collate "C"
on conflict (project, task, worker) do update
set program = excluded.program, at = excluded.at, seen_at = excluded.seen_at;
