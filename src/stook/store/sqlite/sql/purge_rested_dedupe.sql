delete from dedupe where (project, task, key) in (
    select project, task, key from dedupe where free_at <= ?1 limit ?2
);
