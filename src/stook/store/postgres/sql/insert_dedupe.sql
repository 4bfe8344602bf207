insert into dedupe (
    project, task, key, batch_id, idx
)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::bytea[], $5::integer[]
);
