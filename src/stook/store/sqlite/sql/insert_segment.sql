insert into segment (
    batch_id, first, pos, stop, picks, project, task, queue, priority, rank, round, attempt, losses, status, held,
    closed, due_at, ready_at, expires_at, lane, cost
) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
    ?21);
