delete from dedupe where (project, task, key) in (
    select project, task, key from dedupe where batch_id = ?1 and free_at is null limit ?2
);
