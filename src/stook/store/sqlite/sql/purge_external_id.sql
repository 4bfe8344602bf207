delete from external_id where (project, name) in (
    select project, name from external_id where batch_id = ?1 limit ?2
);
