-- Failures of executions from $2 to $3 - 1.
select f.idx, f.round, f.attempt, f.nth, f.final
from unnest($1::bytea[], $2::integer[], $3::integer[]) as k (batch_id, low, high)
join failure f on f.batch_id = k.batch_id and f.idx >= k.low and f.idx < k.high;
