insert into subscription (
    project, task, kind, number, source, ops, condition, fields
)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::text[]
);
