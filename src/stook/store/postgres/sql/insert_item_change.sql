insert into item_change (
    batch_id, idx, number, kind, payload, is_blob, reason, actor, at
)
select * from unnest(
    $1::bytea[], $2::integer[], $3::integer[], $4::text[], $5::bytea[], $6::integer[], $7::text[], $8::text[],
    $9::bigint[]
);
