insert into blob (batch_id, name, body)
select * from unnest($1::bytea[], $2::text[], $3::bytea[])
on conflict (batch_id, name) do update set body = excluded.body;
