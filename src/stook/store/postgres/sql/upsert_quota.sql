insert into quota (
    scope, project, name, max_concurrency, paused, declared
)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::integer[], $5::integer[], $6::integer[]
)
on conflict (scope, project, name) do update
set max_concurrency = excluded.max_concurrency, paused = excluded.paused, declared = excluded.declared;
