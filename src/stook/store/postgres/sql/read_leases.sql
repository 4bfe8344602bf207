-- Lateral and `offset 0`: each span is an index range of its own, also where one batch fills the table.
select l.*
from unnest($1::bytea[], $2::integer[], $3::integer[]) as k (batch_id, low, high)
cross join lateral (
    select batch_id, first, lo, hi, picks, token, worker, round, attempt, claimed_at, expires_at
    from lease where batch_id = k.batch_id and first between k.low and k.high offset 0
) l;
