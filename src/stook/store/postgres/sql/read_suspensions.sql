select s.*
from unnest($1::bytea[], $2::integer[]) as k (batch_id, idx)
cross join lateral (
    select batch_id, idx, first, round, attempt, losses, priority, alone, closed, lane, cost, waiting, at
    from suspension where batch_id = k.batch_id and idx = k.idx limit 1
) s;
