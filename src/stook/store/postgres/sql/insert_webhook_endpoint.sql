insert into webhook_endpoint (
    id, project, url, description, events, mask, tasks, reach, auth_kind, auth_name, auth_value, schemes,
    max_concurrency, status, reason, secret, secret_hint, old_secret, old_until, failures, failing_since, trial_at,
    held_until, wake_at, created_at, updated_at
)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::bytea[], $12::text[], $13::integer[], $14::text[], $15::text[], $16::bytea[], $17::text[],
    $18::bytea[], $19::bigint[], $20::integer[], $21::bigint[], $22::bigint[], $23::bigint[], $24::bigint[],
    $25::bigint[], $26::bigint[]
);
