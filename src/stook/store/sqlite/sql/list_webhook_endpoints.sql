select id, project, url, description, events, mask, tasks, reach, auth_kind, auth_name, auth_value, schemes,
       max_concurrency, status, reason, secret, secret_hint, old_secret, old_until, failures, failing_since,
       trial_at, held_until, wake_at, created_at, updated_at
from webhook_endpoint where project = ?1 and (created_at, id) > (?2, ?3) order by created_at, id limit ?4;
