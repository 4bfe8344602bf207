insert into hosted_deployment (
    id, project, dialect, runtime, state, reason, label, force, entrypoint, source, checksum, archive_sum,
    archive_bytes, env_names, facts, created_at, updated_at, running_at, deleted, arrived, kept, token, host,
    lease_until, losses, env
) values (
    ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25,
    ?26
);
