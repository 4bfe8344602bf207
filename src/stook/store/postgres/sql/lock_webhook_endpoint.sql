-- Locks: one endpoint, before its deliveries. The clock is read when it is held.
select e.*, (extract(epoch from clock_timestamp()) * 1000000)::bigint
from (
    select id, project, url, description, events, mask, tasks, reach, auth_kind, auth_name, auth_value, schemes,
           max_concurrency, status, reason, secret, secret_hint, old_secret, old_until, failures, failing_since,
           trial_at, held_until, wake_at, created_at, updated_at
    from webhook_endpoint where id = $1 and project = $2 for update
) e;
