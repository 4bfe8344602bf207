insert into hosted_batch (
    batch_id, project, dialect, app, action, label, version_id, deployment_id, ended
)
select * from unnest(
    $1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::integer[]
);
