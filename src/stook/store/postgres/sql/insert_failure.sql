insert into failure (
    batch_id, idx, round, attempt, nth, final, fingerprint, code, type, message, traceback, duration, failed_at
)
select * from unnest(
    $1::bytea[], $2::integer[], $3::integer[], $4::integer[], $5::integer[], $6::integer[], $7::text[], $8::text[],
    $9::text[], $10::text[], $11::text[], $12::bigint[], $13::bigint[]
);
