insert into batch (
    id, project, task, queue, name, key, digest, single, phase, priority, policy, max_concurrency, metadata,
    created_at, deadline_at, open_until
)
select * from unnest(
    $1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::integer[], $9::text[],
    $10::integer[], $11::text[], $12::integer[], $13::text[], $14::bigint[], $15::bigint[], $16::bigint[]
);
