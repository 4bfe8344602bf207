update webhook_delivery d set
    run = n.run, attempt = n.attempt, state = n.state, next_at = n.next_at, code = n.code, error = n.error,
    duration = n.duration, updated_at = n.updated_at
from unnest(
    $1::text[], $2::integer[], $3::integer[], $4::text[], $5::bigint[], $6::integer[], $7::text[], $8::bigint[],
    $9::bigint[]
) as n (id, run, attempt, state, next_at, code, error, duration, updated_at) where d.id = n.id;
