insert into hosted_version (
    project, dialect, app, label, id, deployment_id, moved_at
)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[]
) as t (project, dialect, app, label, id, deployment_id, moved_at)
order by project collate "C", dialect collate "C", app collate "C", label collate "C"
on conflict (project, dialect, app, label) do update
set deployment_id = excluded.deployment_id, moved_at = excluded.moved_at;
