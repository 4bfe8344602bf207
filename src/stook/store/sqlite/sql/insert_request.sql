insert into request (
    project, key, method, path, digest, owner, begun_at, alive_until
) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
on conflict do nothing returning key;
