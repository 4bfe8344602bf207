insert into upkeep (queue, done_at)
select * from unnest($1::text[], $2::bigint[]) on conflict (queue) do nothing;
