insert into event (
    batch_id, kind, body, at
)
select * from unnest(
    $1::bytea[], $2::text[], $3::text[], $4::bigint[]
);
