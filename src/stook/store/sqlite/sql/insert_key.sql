insert into api_key (
    id, project, name, scopes, digest, created_at
) values (?1, ?2, ?3, ?4, ?5, ?6);
