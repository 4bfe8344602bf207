insert into schedule_run (
    batch_id, project, task, name, at
) values (?1, ?2, ?3, ?4, ?5);
