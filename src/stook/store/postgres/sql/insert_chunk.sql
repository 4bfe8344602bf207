insert into chunk (
    batch_id, first, count, starts, keys, blobs, payloads, extras
)
select * from unnest(
    $1::bytea[], $2::integer[], $3::integer[], $4::bytea[], $5::text[], $6::bytea[], $7::bytea[],
    $8::text[]
);
