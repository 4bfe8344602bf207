insert into dedupe (project, task, key, batch_id, idx, ttl) values (?1, ?2, ?3, ?4, ?5, ?6)
on conflict (project, task, key) do update
set batch_id = excluded.batch_id, idx = excluded.idx, ttl = excluded.ttl, free_at = null;
