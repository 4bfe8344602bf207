insert into lease (
    token, worker, batch_id, first, lo, hi, picks, live, project, task, queue, priority, round, attempt, losses,
    alone, closed, claimed_at, expires_at, lane, cost, grp
) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
    ?21, ?22);
