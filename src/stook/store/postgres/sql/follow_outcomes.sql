-- As read_outcomes.sql, beside how the batch stands: one row with nulls where nothing new has settled. One statement,
-- so that a look needs no transaction; SQLite joins the same without LATERAL.
select b.phase, b.settled, o.*
from batch b
left join lateral (
    select settle, first, lo, hi, picks, state, round, attempt, finished_at, durations, blobs, results
    from outcome
    where batch_id = $1
      and settle >= coalesce((
          select settle from outcome where batch_id = $1 and settle <= $2 order by settle desc limit 1
      ), $2)
      and settle < $3 and settle + count > $2
) o on b.settled > $2
where b.id = $1
order by o.settle;
