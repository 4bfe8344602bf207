insert into failure_group (
    batch_id, fingerprint, code, type, message, failed, attempts, first_index, first_at, last_at
)
select * from unnest(
    $1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::integer[], $8::integer[],
    $9::bigint[], $10::bigint[]
)
on conflict (batch_id, fingerprint) do update
set failed = failure_group.failed + excluded.failed, attempts = failure_group.attempts + excluded.attempts,
    last_at = excluded.last_at;
