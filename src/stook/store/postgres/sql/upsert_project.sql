insert into project (
    name, weight
)
select * from unnest(
    $1::text[], $2::double precision[]
)
on conflict (name) do update set weight = excluded.weight;
