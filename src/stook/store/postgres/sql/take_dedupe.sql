-- Locks: keys, in order; waits for others that take them. A key that somebody holds is left out of the answer.
insert into dedupe (project, task, key, batch_id, idx, ttl)
select k.project, k.task, k.key, k.batch_id, k.idx, k.ttl
from unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::integer[], $6::bigint[])
    as k (project, task, key, batch_id, idx, ttl)
order by k.project collate "C", k.task collate "C", k.key collate "C"
on conflict (project, task, key) do update
set batch_id = excluded.batch_id, idx = excluded.idx, ttl = excluded.ttl, free_at = null
where dedupe.free_at <= ($7::bigint[])[1]
returning task, key;
