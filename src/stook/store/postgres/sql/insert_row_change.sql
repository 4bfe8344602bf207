insert into row_change (
    project, source, op, old, new, task, due_at
)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[]
);
