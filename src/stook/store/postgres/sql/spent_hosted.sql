-- Whose archive may go: deleted ones, those that never came whole, and what has stopped long ago.
select id, project, dialect, runtime, state, reason, label, force, entrypoint, source, checksum, archive_sum,
       archive_bytes, env_names, facts, created_at, updated_at, running_at, deleted, arrived, kept, token, host,
       lease_until, losses
from hosted_deployment
where kept = 1 and state <> 'running'
and (
    (deleted = 1 and arrived = 1) or (arrived = 0 and updated_at < $1)
    or (dialect <> 'vellum' and state in ('stopped', 'failed') and updated_at < $2)
)
order by updated_at, id limit $3;
