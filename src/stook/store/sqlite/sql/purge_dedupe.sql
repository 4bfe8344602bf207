delete from dedupe where (project, task, key) in (
    select project, task, key from dedupe where batch_id = ?1 limit ?2
);
