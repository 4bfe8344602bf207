insert into rate_bucket (project, task, name, key, tokens, at, full_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
on conflict (project, task, name, key) do update
set tokens = excluded.tokens, at = excluded.at, full_at = excluded.full_at;
