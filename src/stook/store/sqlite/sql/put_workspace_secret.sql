insert into workspace_secret (project, sealed, from_at, before) values (?1, ?2, ?3, ?4)
on conflict (project) do update set sealed = excluded.sealed, from_at = excluded.from_at, before = excluded.before;
