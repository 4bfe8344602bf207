select v.project, v.dialect, v.app, v.label, v.id, v.deployment_id, v.moved_at
from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as k (project, dialect, app, label)
join hosted_version v
on v.project = k.project and v.dialect = k.dialect and v.app = k.app and v.label = k.label;
