select s.first, s.pos, s.stop, s.picks, s.status, s.priority, s.round, s.attempt, s.losses, s.due_at, s.ready_at,
       s.expires_at
from unnest($1::bytea[], $2::integer[], $3::integer[]) as k (batch_id, low, high)
join segment s on s.batch_id = k.batch_id and s.first between k.low and k.high;
