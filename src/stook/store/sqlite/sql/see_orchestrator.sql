insert into orchestrator (id, host, process, version, schema, started_at, seen_at)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
on conflict (id) do update set seen_at = excluded.seen_at;
