-- Outcomes of a chunk that may hold offsets $3 to $4 - 1, without their results.
select o.settle, o.first, o.lo, o.hi, o.picks, o.state, o.round, o.attempt, o.finished_at, o.durations
from unnest($1::bytea[], $2::integer[], $3::integer[], $4::integer[]) as k (batch_id, first, lo, hi)
join outcome o on o.batch_id = k.batch_id and o.first = k.first and o.hi > k.lo and o.lo < k.hi;
