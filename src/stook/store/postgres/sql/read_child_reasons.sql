-- Why executions were cancelled, each of its own.
select c.*
from unnest($1::bytea[], $2::integer[]) as k (batch_id, idx)
cross join lateral (
    select batch_id, idx, reason from item_change
    where batch_id = k.batch_id and idx = k.idx and kind = 'cancel' order by number desc limit 1
) c;
