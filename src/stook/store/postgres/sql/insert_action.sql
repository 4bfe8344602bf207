insert into action (
    id, project, kind, batch_id, scope, actor, state, affected, created_at, finished_at
)
select * from unnest(
    $1::bytea[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::bigint[], $10::bigint[]
);
