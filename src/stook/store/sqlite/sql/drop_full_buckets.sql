delete from rate_bucket where (project, task, name, key) in (
    select project, task, name, key from rate_bucket where full_at <= ?1 order by full_at limit ?2
);
