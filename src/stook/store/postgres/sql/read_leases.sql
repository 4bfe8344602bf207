select l.first, l.lo, l.hi, l.picks, l.token, l.worker, l.round, l.attempt, l.claimed_at, l.expires_at
from unnest($1::bytea[], $2::integer[], $3::integer[]) as k (batch_id, low, high)
join lease l on l.batch_id = k.batch_id and l.first between k.low and k.high;
