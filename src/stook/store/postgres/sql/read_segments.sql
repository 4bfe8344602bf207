-- Lateral and `offset 0`: each span is an index range of its own, also where one batch fills the table.
select s.*
from unnest($1::bytea[], $2::integer[], $3::integer[]) as k (batch_id, low, high)
cross join lateral (
    select batch_id, first, pos, stop, picks, status, priority, round, attempt, losses, due_at, ready_at, expires_at
    from segment where batch_id = k.batch_id and first between k.low and k.high offset 0
) s;
