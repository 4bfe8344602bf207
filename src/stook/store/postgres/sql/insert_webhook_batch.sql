-- A hidden batch whose items carry deliveries.
insert into batch (
    id, project, task, queue, name, single, phase, priority, policy, total, consumed, rank, created_at, sealed_at
)
select n.id, n.project, 'stook.webhook', 'stook.webhooks', 'stook.webhook', 1, 'active', 0, n.policy, n.total, n.total,
       n.rank, n.at, n.at
from unnest(
    $1::bytea[], $2::text[], $3::text[], $4::integer[], $5::bigint[], $6::bigint[]
) as n (id, project, policy, total, rank, at);
