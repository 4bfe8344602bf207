insert into api_key (
    id, project, name, scopes, digest, created_at
)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::bigint[]
);
