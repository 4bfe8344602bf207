insert into webhook_attempt (
    delivery_id, run, attempt, at, headers, code, error, duration, answer
)
select * from unnest(
    $1::text[], $2::integer[], $3::integer[], $4::bigint[], $5::text[], $6::integer[], $7::text[], $8::bigint[],
    $9::bytea[]
);
