insert into lease (
    token, worker, batch_id, first, lo, hi, picks, live, project, task, queue, priority, round, attempt, losses,
    alone, closed, claimed_at, expires_at, lane, cost, grp
)
select * from unnest(
    $1::bigint[], $2::text[], $3::bytea[], $4::integer[], $5::integer[], $6::integer[], $7::bytea[], $8::integer[],
    $9::text[], $10::text[], $11::text[], $12::integer[], $13::integer[], $14::integer[], $15::integer[],
    $16::integer[], $17::integer[], $18::bigint[], $19::bigint[], $20::text[], $21::text[], $22::bigint[]
);
