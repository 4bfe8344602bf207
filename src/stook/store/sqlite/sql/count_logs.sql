select round, attempt, sum(lines), sum(dropped) from log
where batch_id = ?1 and idx = ?2 group by round, attempt order by round, attempt;
