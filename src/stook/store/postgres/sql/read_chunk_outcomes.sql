-- Outcomes of a chunk that may hold offsets $3 to $4 - 1, without their results.
select o.batch_id, o.settle, o.first, o.lo, o.hi, o.picks, o.state, o.round, o.attempt, o.finished_at, o.durations
from unnest($1::bytea[], $2::integer[], $3::integer[], $4::integer[]) as k (batch_id, first, lo, hi)
cross join lateral (
    select * from outcome where batch_id = k.batch_id and first = k.first and hi > k.lo and lo < k.hi offset 0
) o;
