insert into hosted_version (
    project, dialect, app, label, id, deployment_id, moved_at
) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
on conflict (project, dialect, app, label) do update
set deployment_id = excluded.deployment_id, moved_at = excluded.moved_at;
