insert into chunk_lane (
    batch_id, first, lanes
)
select * from unnest(
    $1::bytea[], $2::integer[], $3::text[]
)
on conflict (batch_id, first) do update set lanes = excluded.lanes;
