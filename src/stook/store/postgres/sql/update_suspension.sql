update suspension set waiting = n.waiting
from unnest($1::bytea[], $2::integer[], $3::integer[]) as n (batch_id, idx, waiting)
where suspension.batch_id = n.batch_id and suspension.idx = n.idx;
