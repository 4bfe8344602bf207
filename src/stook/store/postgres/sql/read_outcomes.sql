-- From the one that holds number $2 on, all that begin before $3.
select settle, first, lo, hi, picks, state, round, attempt, finished_at, durations, blobs, results
from outcome
where batch_id = $1
  and settle >= coalesce((
      select settle from outcome where batch_id = $1 and settle <= $2 order by settle desc limit 1
  ), $2)
  and settle < $3 and settle + count > $2
order by settle;
