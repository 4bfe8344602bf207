insert into dedupe (
    project, task, key, batch_id, idx
) values (?1, ?2, ?3, ?4, ?5);
