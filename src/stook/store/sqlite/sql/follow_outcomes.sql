-- As read_outcomes.sql, beside how the batch stands: one row with nulls where nothing new has settled.
select b.phase, b.settled,
       o.settle, o.first, o.lo, o.hi, o.picks, o.state, o.round, o.attempt, o.finished_at, o.durations, o.blobs, o.results
from batch b
left join outcome o
  on o.batch_id = ?1
  and o.settle >= coalesce((select max(settle) from outcome where batch_id = ?1 and settle <= ?2), ?2)
  and o.settle < ?3 and o.settle + o.count > ?2
where b.id = ?1
order by o.settle;
