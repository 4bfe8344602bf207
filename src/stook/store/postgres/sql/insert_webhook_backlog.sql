insert into webhook_backlog (
    batch_id, project, task, named, first, lo, hi, picks, state, round, at
)
select * from unnest(
    $1::bytea[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::integer[], $7::integer[], $8::bytea[],
    $9::integer[], $10::integer[], $11::bigint[]
);
