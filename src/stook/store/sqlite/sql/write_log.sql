insert into log (batch_id, idx, round, attempt, run, part, token, last, lines, dropped, leader, body)
select ?1, ?2, ?3, ?4, coalesce(
    (select run from log where batch_id = ?1 and idx = ?2 and round = ?3 and attempt = ?4 and token = ?5 limit 1),
    (select max(run) + 1 from log where batch_id = ?1 and idx = ?2 and round = ?3 and attempt = ?4),
    0
), ?6, ?5, ?7, ?8, ?9, ?10, ?11
where true
on conflict (batch_id, idx, round, attempt, run, part) do update set
    last = excluded.last, lines = excluded.lines, dropped = excluded.dropped, leader = excluded.leader,
    body = excluded.body
where excluded.last > log.last;
