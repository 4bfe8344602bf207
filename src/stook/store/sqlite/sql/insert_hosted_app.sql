insert into hosted_app (
    deployment_id, app, project, dialect, folded, names, actions
) values (?1, ?2, ?3, ?4, ?5, ?6, ?7);
