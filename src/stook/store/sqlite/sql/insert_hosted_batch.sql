insert into hosted_batch (
    batch_id, project, dialect, app, action, label, version_id, deployment_id, ended
) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);
