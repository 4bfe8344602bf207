insert into project (name, created_at)
select * from unnest($1::text[], $2::bigint[])
on conflict do nothing returning name;
