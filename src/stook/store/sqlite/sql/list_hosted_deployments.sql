select id, project, dialect, runtime, state, reason, label, force, entrypoint, source, checksum, archive_sum,
       archive_bytes, env_names, facts, created_at, updated_at, running_at, deleted, arrived, kept, token, host,
       lease_until, losses
from hosted_deployment d
where project = ?1 and deleted = 0 and arrived = 1
and (?2 is null or dialect = ?2)
and (?3 is null or exists (select 1 from hosted_app a where a.deployment_id = d.id and a.app = ?3))
and (?4 is null or label = ?4)
and (
    ?5 is null or substr(id, 1, length(?5)) = ?5
    or exists (select 1 from hosted_app a where a.deployment_id = d.id and instr(a.folded, ?5) > 0)
)
order by created_at desc, id desc limit ?6 offset ?7;
