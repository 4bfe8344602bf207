insert into state (
    batch_id, first, states
)
select * from unnest(
    $1::bytea[], $2::integer[], $3::bytea[]
);
