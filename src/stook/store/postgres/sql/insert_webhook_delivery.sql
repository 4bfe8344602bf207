insert into webhook_delivery (
    id, event_id, endpoint_id, project, name, batch_id, idx, run, attempt, state, next_at, created_at, updated_at
)
select n.id, n.event_id, n.endpoint_id, n.project, n.name, n.batch_id, n.idx, 1, 0, 'pending', n.at, n.at, n.at
from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::integer[], $8::bigint[]
) as n (id, event_id, endpoint_id, project, name, batch_id, idx, at);
