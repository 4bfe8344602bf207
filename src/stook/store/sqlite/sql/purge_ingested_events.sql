delete from ingested_event where (project, id) in (
    select project, id from ingested_event where project = ?1 and at < ?2 order by at limit ?3
);
