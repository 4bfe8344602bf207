select round, attempt, run, part, token, last, leader, body from log
where batch_id = $1 and idx = $2 and (round, attempt, run) >= ($3, $4, $5)
  and not (round = $3 and attempt = $4 and run = $5 and last <= $6)
  and ($7::integer is null or attempt = $7)
order by round, attempt, run, part limit $8;
