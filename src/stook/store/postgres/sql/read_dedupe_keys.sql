select d.batch_id, d.idx, d.key
from unnest($1::bytea[], $2::integer[]) as k (batch_id, idx)
cross join lateral (select * from dedupe where batch_id = k.batch_id and idx = k.idx limit 1) d;
