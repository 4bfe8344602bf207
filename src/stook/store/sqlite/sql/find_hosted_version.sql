select v.project, v.dialect, v.app, v.label, v.id, v.deployment_id, v.moved_at, a.actions, d.env_names
from hosted_version v
join hosted_app a on a.deployment_id = v.deployment_id and a.app = v.app
join hosted_deployment d on d.id = v.deployment_id
where v.id = ?1 and v.project = ?2;
