insert into outcome (
    batch_id, settle, first, lo, hi, picks, count, state, round, attempt, finished_at, durations, blobs, results
)
select * from unnest(
    $1::bytea[], $2::bigint[], $3::integer[], $4::integer[], $5::integer[], $6::bytea[], $7::integer[],
    $8::integer[], $9::integer[], $10::integer[], $11::bigint[], $12::bytea[], $13::bytea[], $14::bytea[]
);
