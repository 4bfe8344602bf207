insert into webhook_event (
    id, project, name, batch_id, idx, task, named, body, at
) values (
    ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
);
