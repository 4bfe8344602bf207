insert into suspension (
    batch_id, idx, first, round, attempt, losses, priority, alone, closed, lane, cost, waiting, at
) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13);
