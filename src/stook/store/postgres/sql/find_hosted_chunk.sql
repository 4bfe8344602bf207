select k.batch_id, k.idx, c.first
from unnest($1::bytea[], $2::integer[]) as k (batch_id, idx)
cross join lateral (
    select first from chunk where batch_id = k.batch_id and first <= k.idx order by first desc limit 1
) c;
