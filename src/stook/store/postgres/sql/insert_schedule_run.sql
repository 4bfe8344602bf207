insert into schedule_run (
    batch_id, project, task, name, at
)
select * from unnest(
    $1::bytea[], $2::text[], $3::text[], $4::text[], $5::bigint[]
);
