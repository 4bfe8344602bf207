insert into batch (
    id, project, task, queue, name, key, digest, single, keyed, phase, ended, priority, policy, max_concurrency, total,
    consumed, succeeded, failed, cancelled, expired, scheduled, suspended, settled, retries, losses, streak, round, rank,
    stop, reason, probe, metadata, created_at, sealed_at, started_at, finished_at, ramp_at, deadline_at, open_until,
    webhooks
)
select * from unnest(
    $1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::integer[], $9::integer[],
    $10::text[], $11::text[], $12::integer[], $13::text[], $14::integer[], $15::integer[], $16::integer[],
    $17::integer[], $18::integer[], $19::integer[], $20::integer[], $21::integer[], $22::integer[], $23::bigint[],
    $24::integer[], $25::integer[], $26::integer[], $27::integer[], $28::bigint[], $29::text[], $30::text[],
    $31::text[], $32::text[], $33::bigint[], $34::bigint[], $35::bigint[], $36::bigint[], $37::bigint[], $38::bigint[],
    $39::bigint[], $40::text[]
);
