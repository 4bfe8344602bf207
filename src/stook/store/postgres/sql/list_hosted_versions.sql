select v.project, v.dialect, v.app, v.label, v.id, v.deployment_id, v.moved_at, a.actions, d.env_names
from hosted_version v
join hosted_app a on a.deployment_id = v.deployment_id and a.app = v.app
join hosted_deployment d on d.id = v.deployment_id
where v.project = $1 and ($2::text is null or v.dialect = $2) and ($3::text is null or v.app = $3)
and ($4::text is null or v.label = $4) and ($5::text is null or strpos(a.folded, $5) > 0)
and ($6::text is null or v.deployment_id = $6)
order by v.dialect, v.app, v.moved_at desc, v.label limit $7 offset $8;
