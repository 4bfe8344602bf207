insert into worker (
    id, host, process, tasks, started_at, seen_at, project
)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[]
)
on conflict (id) do update set seen_at = excluded.seen_at, tasks = excluded.tasks, project = excluded.project;
