-- Waits for others that write the same ones, all in one order.
insert into registration (
    project, task, app, program, invocable, at
)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::bigint[]
) as t (project, task, app, program, invocable, at)
order by project collate "C", task collate "C"
on conflict (project, task) do update
set app = excluded.app, program = excluded.program, invocable = excluded.invocable, at = excluded.at;
