-- Under the guard of the task's terms: nobody else writes these.
insert into rate_bucket (
    project, task, name, key, tokens, at, full_at
)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::double precision[], $6::bigint[], $7::bigint[]
)
on conflict (project, task, name, key) do update
set tokens = excluded.tokens, at = excluded.at, full_at = excluded.full_at;
