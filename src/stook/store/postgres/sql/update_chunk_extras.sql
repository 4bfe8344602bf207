-- Locks: chunks, whose batch is locked before.
update chunk c set extras = n.extras
from unnest($1::bytea[], $2::integer[], $3::text[]) as n (batch_id, first, extras)
where c.batch_id = n.batch_id and c.first = n.first;
