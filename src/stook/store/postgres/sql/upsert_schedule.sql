insert into schedule (
    project, task, name, expr, tz, payload, priority, missed, overlap, static, policy, paused, next_at, due_at, owed,
    skipped, last_at, last_id, trouble, created_at, changed_at
)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::integer[], $8::text[], $9::text[],
    $10::integer[], $11::text[], $12::integer[], $13::bigint[], $14::bigint[], $15::integer[], $16::bigint[],
    $17::bigint[], $18::bytea[], $19::text[], $20::bigint[], $21::bigint[]
) as t (
    project, task, name, expr, tz, payload, priority, missed, overlap, static, policy, paused, next_at, due_at, owed,
    skipped, last_at, last_id, trouble, created_at, changed_at
)
order by project collate "C", task collate "C", name collate "C"
on conflict (project, task, name) do update set
    expr = excluded.expr, tz = excluded.tz, payload = excluded.payload, priority = excluded.priority, missed =
    excluded.missed, overlap = excluded.overlap, static = excluded.static, policy = excluded.policy, paused =
    excluded.paused, next_at = excluded.next_at, due_at = excluded.due_at, owed = excluded.owed, skipped =
    excluded.skipped, last_at = excluded.last_at, last_id = excluded.last_id, trouble = excluded.trouble, changed_at =
    excluded.changed_at;
