insert into orchestrator (id, host, process, version, schema, started_at, seen_at)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::bigint[], $7::bigint[]
)
on conflict (id) do update set seen_at = excluded.seen_at;
