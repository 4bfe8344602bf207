-- A project whose queue nobody limits gets none. Lateral and `offset 0`: one look into an index each, whatever the
-- statistics say.
insert into queue_change (project, items, bytes)
select p.name, u.after - u.before,
       coalesce(trunc(s.bytes::numeric * u.after / u.total) - trunc(s.bytes::numeric * u.before / u.total), 0)::bigint
from unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[]) as u (project, batch_id, total, before, after)
cross join lateral (select name from project where name = u.project and counted = 1 offset 0) p
left join lateral (select bytes from batch_size where batch_id = u.batch_id offset 0) s on true;
