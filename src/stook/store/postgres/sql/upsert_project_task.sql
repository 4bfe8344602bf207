-- Waits for others that write the same tasks, all in one order.
insert into project_task (
    project, name, queue, policy, schema, seen_at
)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::bigint[]
) as t (project, name, queue, policy, schema, seen_at)
order by project collate "C", name collate "C"
on conflict (project, name) do update
set queue = excluded.queue, policy = excluded.policy, schema = excluded.schema, seen_at = excluded.seen_at;
