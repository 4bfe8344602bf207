-- Of rows that are locked.
update hosted_deployment d
set state = n.state, reason = n.reason, checksum = n.checksum, archive_sum = n.archive_sum,
    archive_bytes = n.archive_bytes, facts = n.facts, updated_at = n.updated_at, running_at = n.running_at,
    deleted = n.deleted, arrived = n.arrived, kept = n.kept, token = n.token, host = n.host,
    lease_until = n.lease_until, losses = n.losses, env = case when n.kept = 1 then d.env end
from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bigint[], $9::bigint[],
    $10::integer[], $11::integer[], $12::integer[], $13::bigint[], $14::text[], $15::bigint[], $16::integer[]
) as n (
    id, state, reason, checksum, archive_sum, archive_bytes, facts, updated_at, running_at, deleted, arrived, kept,
    token, host, lease_until, losses
)
where d.id = n.id;
