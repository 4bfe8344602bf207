insert into consumed_block (
    batch_id, first, digests
)
select * from unnest(
    $1::bytea[], $2::integer[], $3::bytea[]
);
