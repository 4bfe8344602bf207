insert into webhook_backlog (
    batch_id, project, task, named, first, lo, hi, picks, state, round, at
) values (
    ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11
);
