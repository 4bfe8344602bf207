delete from throttle where (project, task, key) in (
    select project, task, key from throttle where until_at <= ?1 limit ?2
);
