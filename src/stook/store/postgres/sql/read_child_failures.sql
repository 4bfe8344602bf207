select f.*
from unnest($1::bytea[], $2::integer[]) as k (batch_id, idx)
cross join lateral (
    select batch_id, idx, type, message from failure
    where batch_id = k.batch_id and idx = k.idx and final = 1 order by round desc limit 1
) f;
