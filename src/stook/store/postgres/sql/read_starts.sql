select c.batch_id, c.first, c.starts
from unnest($1::bytea[], $2::integer[]) as k (batch_id, first)
join chunk c on c.batch_id = k.batch_id and c.first = k.first;
