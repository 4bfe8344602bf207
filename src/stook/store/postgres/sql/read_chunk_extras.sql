select c.batch_id, c.first, c.extras
from unnest($1::bytea[], $2::integer[]) as k (batch_id, first)
cross join lateral (select * from chunk where batch_id = k.batch_id and first = k.first limit 1) c;
