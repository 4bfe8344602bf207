-- Locks: names, in order; waits for others that take them. A name that is held is left out of the answer.
insert into external_id (project, name, batch_id, idx)
select k.project, k.name, k.batch_id, k.idx
from unnest($1::text[], $2::text[], $3::bytea[], $4::integer[]) as k (project, name, batch_id, idx)
order by k.project collate "C", k.name collate "C"
on conflict (project, name) do nothing
returning name;
