select c.batch_id, c.first, c.count, c.starts, c.keys, c.blobs, s.states
from unnest($1::bytea[], $2::integer[]) as k (batch_id, first)
join chunk c using (batch_id, first) join state s using (batch_id, first);
