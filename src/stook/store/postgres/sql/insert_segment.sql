insert into segment (
    batch_id, first, pos, stop, picks, project, task, queue, priority, rank, round, attempt, losses, status, held,
    closed, due_at, ready_at, expires_at, lane, cost
)
select * from unnest(
    $1::bytea[], $2::integer[], $3::integer[], $4::integer[], $5::bytea[], $6::text[], $7::text[], $8::text[],
    $9::integer[], $10::bigint[], $11::integer[], $12::integer[], $13::integer[], $14::integer[], $15::integer[],
    $16::integer[], $17::bigint[], $18::bigint[], $19::bigint[], $20::text[], $21::text[]
);
