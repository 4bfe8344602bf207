-- A project whose queue nobody limits gets none.
insert into queue_change (project, items, bytes)
select p.name, u.after - u.before,
       coalesce(trunc(s.bytes::numeric * u.after / u.total) - trunc(s.bytes::numeric * u.before / u.total), 0)::bigint
from unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[]) as u (project, batch_id, total, before, after)
join project p on p.name = u.project and p.counted = 1
left join batch_size s on s.batch_id = u.batch_id;
