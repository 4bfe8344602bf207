insert into loss (
    batch_id, idx, token
)
select * from unnest(
    $1::bytea[], $2::integer[], $3::bigint[]
);
