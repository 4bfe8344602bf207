insert into batch_size (
    batch_id, project, bytes
)
select * from unnest(
    $1::bytea[], $2::text[], $3::bigint[]
)
on conflict (batch_id) do update set bytes = batch_size.bytes + excluded.bytes;
