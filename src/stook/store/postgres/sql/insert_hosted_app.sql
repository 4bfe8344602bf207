insert into hosted_app (
    deployment_id, app, project, dialect, folded, names, actions
)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]
);
