update webhook_endpoint e set
    url = n.url, description = n.description, events = n.events, mask = n.mask, tasks = n.tasks, reach = n.reach,
    auth_kind = n.auth_kind, auth_name = n.auth_name, auth_value = n.auth_value, schemes = n.schemes,
    max_concurrency = n.max_concurrency, status = n.status, reason = n.reason, secret = n.secret,
    secret_hint = n.secret_hint, old_secret = n.old_secret, old_until = n.old_until, failures = n.failures,
    failing_since = n.failing_since, trial_at = n.trial_at, held_until = n.held_until, wake_at = n.wake_at,
    updated_at = n.updated_at
from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::bytea[], $11::text[], $12::integer[], $13::text[], $14::text[], $15::bytea[], $16::text[], $17::bytea[],
    $18::bigint[], $19::integer[], $20::bigint[], $21::bigint[], $22::bigint[], $23::bigint[], $24::bigint[]
) as n (
    id, url, description, events, mask, tasks, reach, auth_kind, auth_name, auth_value, schemes, max_concurrency,
    status, reason, secret, secret_hint, old_secret, old_until, failures, failing_since, trial_at, held_until,
    wake_at, updated_at
) where e.id = n.id;
