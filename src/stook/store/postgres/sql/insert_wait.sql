insert into wait (
    batch_id, idx, key, kind, project, due_at, child_batch, child_idx, fails_parent, on_timeout, event_name, match,
    at
)
select * from unnest(
    $1::bytea[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bytea[], $8::integer[],
    $9::integer[], $10::text[], $11::text[], $12::bytea[], $13::bigint[]
);
