insert into hosted_log (
    deployment_id, number, at, execution_id, upto, text
)
select * from unnest(
    $1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::text[]
);
