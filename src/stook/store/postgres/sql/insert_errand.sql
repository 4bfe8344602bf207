insert into errand (
    kind, batch_id, idx, key, body, at
)
select * from unnest(
    $1::text[], $2::bytea[], $3::integer[], $4::text[], $5::text[], $6::bigint[]
);
