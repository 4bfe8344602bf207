-- Whoever gets here holds the lock on the key's name.
insert into debounce (project, task, key, batch_id, idx, opened_at, due_at)
select k.project, k.task, k.key, k.batch_id, k.idx, k.opened_at, k.due_at
from unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::integer[], $6::bigint[], $7::bigint[])
    as k (project, task, key, batch_id, idx, opened_at, due_at)
order by k.project collate "C", k.task collate "C", k.key collate "C"
on conflict (project, task, key) do update
set batch_id = excluded.batch_id, idx = excluded.idx, opened_at = excluded.opened_at, due_at = excluded.due_at;
