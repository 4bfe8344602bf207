-- Changed inputs of the items from $2 to $3 - 1, earlier ones too.
select c.idx, c.number, c.payload, c.is_blob
from unnest($1::bytea[], $2::integer[], $3::integer[]) as k (batch_id, low, high)
cross join lateral (
    select idx, number, payload, is_blob from item_change
    where batch_id = k.batch_id and idx >= k.low and idx < k.high and kind = 'edit' offset 0
) c;
