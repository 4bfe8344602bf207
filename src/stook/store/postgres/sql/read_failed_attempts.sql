-- Failures of executions from $2 to $3 - 1.
-- Lateral and `offset 0`: each span is an index range of its own, also where one batch fills the table.
select f.*
from unnest($1::bytea[], $2::integer[], $3::integer[]) as k (batch_id, low, high)
cross join lateral (
    select idx, round, attempt, nth, final
    from failure where batch_id = k.batch_id and idx >= k.low and idx < k.high offset 0
) f;
