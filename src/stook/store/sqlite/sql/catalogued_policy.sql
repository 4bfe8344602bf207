-- The project's own goes before that of all.
select ?1, ?2, coalesce(
    (select policy from project_task where project = ?1 and name = ?2), (select policy from task where name = ?2)
);
