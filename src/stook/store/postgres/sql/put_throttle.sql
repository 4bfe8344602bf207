-- Whoever gets here holds the lock on the key's name.
insert into throttle (project, task, key, until_at, batch_id, idx)
select k.project, k.task, k.key, k.until_at, k.batch_id, k.idx
from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bytea[], $6::integer[])
    as k (project, task, key, until_at, batch_id, idx)
order by k.project collate "C", k.task collate "C", k.key collate "C"
on conflict (project, task, key) do update
set until_at = excluded.until_at, batch_id = excluded.batch_id, idx = excluded.idx;
