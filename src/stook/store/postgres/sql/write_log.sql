insert into log (batch_id, idx, round, attempt, run, part, token, last, lines, dropped, leader, body)
select n.batch_id, n.idx, n.round, n.attempt, coalesce(
    (select l.run from log l where l.batch_id = n.batch_id and l.idx = n.idx and l.round = n.round
        and l.attempt = n.attempt and l.token = n.token limit 1),
    (select max(l.run) + 1 from log l where l.batch_id = n.batch_id and l.idx = n.idx and l.round = n.round
        and l.attempt = n.attempt),
    0
), n.part, n.token, n.last, n.lines, n.dropped, n.leader, n.body
from unnest(
    $1::bytea[], $2::integer[], $3::integer[], $4::integer[], $5::bigint[], $6::integer[], $7::integer[],
    $8::integer[], $9::integer[], $10::integer[], $11::bytea[]
) as n (batch_id, idx, round, attempt, token, part, last, lines, dropped, leader, body)
on conflict (batch_id, idx, round, attempt, run, part) do update set
    last = excluded.last, lines = excluded.lines, dropped = excluded.dropped, leader = excluded.leader,
    body = excluded.body
where excluded.last > log.last;
