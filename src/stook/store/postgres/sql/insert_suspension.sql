insert into suspension (
    batch_id, idx, first, round, attempt, losses, priority, alone, closed, lane, cost, waiting, at
)
select * from unnest(
    $1::bytea[], $2::integer[], $3::integer[], $4::integer[], $5::integer[], $6::integer[], $7::integer[],
    $8::integer[], $9::integer[], $10::text[], $11::text[], $12::integer[], $13::bigint[]
);
