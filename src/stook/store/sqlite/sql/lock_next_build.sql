select id, project, dialect, runtime, state, reason, label, force, entrypoint, source, checksum, archive_sum,
       archive_bytes, env_names, facts, created_at, updated_at, running_at, deleted, arrived, kept, token, host,
       lease_until, losses
from hosted_deployment
where state in ('queued', 'building') and arrived = 1 and coalesce(lease_until, 0) <= ?1
order by created_at, id limit 1;
