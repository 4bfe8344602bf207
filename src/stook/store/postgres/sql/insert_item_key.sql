insert into item_key (batch_id, key, idx)
select * from unnest($1::bytea[], $2::text[], $3::integer[])
on conflict do nothing returning idx;
