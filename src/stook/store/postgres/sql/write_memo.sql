-- The first under a key stays; a `state` is replaced by later ones.
insert into memo (
    batch_id, idx, key, kind, value, blob_of, error, code, child_batch, child_idx, seq, at
)
select * from unnest(
    $1::bytea[], $2::integer[], $3::text[], $4::text[], $5::bytea[], $6::bytea[], $7::text[], $8::text[], $9::bytea[],
    $10::integer[], $11::integer[], $12::bigint[]
)
on conflict (batch_id, idx, key) do update
set value = excluded.value, code = excluded.code, seq = excluded.seq, at = excluded.at
where memo.kind = 'state' and excluded.kind = 'state';
