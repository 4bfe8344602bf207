insert into hosted_log_end (
    deployment_id, last, upto, trimmed, trimmed_upto
)
select * from unnest(
    $1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]
);
