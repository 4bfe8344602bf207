select id, project, url, description, events, mask, tasks, reach, auth_kind, auth_name, auth_value, schemes,
       max_concurrency, status, reason, secret, secret_hint, old_secret, old_until, failures, failing_since,
       trial_at, held_until, wake_at, created_at, updated_at
from webhook_endpoint where id = (select endpoint_id from webhook_delivery where id = ?1);
