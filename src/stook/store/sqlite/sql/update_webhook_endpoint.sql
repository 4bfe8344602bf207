update webhook_endpoint set
    url = ?2, description = ?3, events = ?4, mask = ?5, tasks = ?6, reach = ?7, auth_kind = ?8, auth_name = ?9,
    auth_value = ?10, schemes = ?11, max_concurrency = ?12, status = ?13, reason = ?14, secret = ?15,
    secret_hint = ?16, old_secret = ?17, old_until = ?18, failures = ?19, failing_since = ?20, trial_at = ?21,
    held_until = ?22, wake_at = ?23, updated_at = ?24
where id = ?1;
