insert into subscription (
    project, task, kind, number, source, ops, condition, fields
) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8);
