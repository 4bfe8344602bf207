delete from request where (project, key) in (
    select project, key from request where begun_at <= ?1 order by begun_at limit ?2
);
