-- Waits for others that write the same tasks, all in one order.
insert into task (
    name, queue, policy, schema, seen_at
)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::bytea[], $5::bigint[]
) as t (name, queue, policy, schema, seen_at)
order by name collate "C"
on conflict (name) do update
set queue = excluded.queue, policy = excluded.policy, schema = excluded.schema, seen_at = excluded.seen_at;
