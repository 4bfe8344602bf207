-- Of the items from $2 to $3 - 1.
select m.*
from unnest($1::bytea[], $2::integer[], $3::integer[]) as k (batch_id, low, high)
cross join lateral (
    select batch_id, idx, key, kind, value, blob_of, error, code, seq, at
    from memo where batch_id = k.batch_id and idx >= k.low and idx < k.high offset 0
) m;
