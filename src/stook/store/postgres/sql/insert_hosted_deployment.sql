insert into hosted_deployment (
    id, project, dialect, runtime, state, reason, label, force, entrypoint, source, checksum, archive_sum,
    archive_bytes, env_names, facts, created_at, updated_at, running_at, deleted, arrived, kept, token, host,
    lease_until, losses, env
)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::integer[], $9::text[],
    $10::text[], $11::text[], $12::text[], $13::bigint[], $14::text[], $15::text[], $16::bigint[], $17::bigint[],
    $18::bigint[], $19::integer[], $20::integer[], $21::integer[], $22::bigint[], $23::text[], $24::bigint[],
    $25::integer[], $26::bytea[]
);
