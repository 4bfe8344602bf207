insert into debounce (project, task, key, batch_id, idx, opened_at, due_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
on conflict (project, task, key) do update
set batch_id = excluded.batch_id, idx = excluded.idx, opened_at = excluded.opened_at, due_at = excluded.due_at;
