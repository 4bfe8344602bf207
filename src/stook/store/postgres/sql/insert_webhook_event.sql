insert into webhook_event (
    id, project, name, batch_id, idx, task, named, body, at
)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::bytea[], $5::integer[], $6::text[], $7::text[], $8::bytea[],
    $9::bigint[]
);
