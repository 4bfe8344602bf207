insert into failure_group (
    batch_id, fingerprint, code, type, message, failed, attempts, first_index, first_at, last_at
) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
on conflict (batch_id, fingerprint) do update
set failed = failure_group.failed + excluded.failed, attempts = failure_group.attempts + excluded.attempts,
    last_at = excluded.last_at;
