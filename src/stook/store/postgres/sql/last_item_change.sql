select k.idx, l.number
from unnest($1::bytea[], $2::integer[]) as k (batch_id, idx)
cross join lateral (
    select coalesce(max(number), 0) as number from item_change where batch_id = k.batch_id and idx = k.idx
) l;
