-- Waits for another that inserts the same key.
insert into request (
    project, key, method, path, digest, owner, begun_at, alive_until
)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[]
)
on conflict do nothing returning key;
