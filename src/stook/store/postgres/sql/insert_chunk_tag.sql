insert into chunk_tag (
    batch_id, tag, first, picks
)
select * from unnest(
    $1::bytea[], $2::text[], $3::integer[], $4::bytea[]
);
