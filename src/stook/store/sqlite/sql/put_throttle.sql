insert into throttle (project, task, key, until_at, batch_id, idx) values (?1, ?2, ?3, ?4, ?5, ?6)
on conflict (project, task, key) do update
set until_at = excluded.until_at, batch_id = excluded.batch_id, idx = excluded.idx;
