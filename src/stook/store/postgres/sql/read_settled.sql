-- As read_outcomes, without what large rows hold: results are not read.
select settle, first, lo, hi, picks, state
from outcome
where batch_id = $1
  and settle >= coalesce((
      select settle from outcome where batch_id = $1 and settle <= $2 order by settle desc limit 1
  ), $2)
  and settle < $3 and settle + count > $2
order by settle;
