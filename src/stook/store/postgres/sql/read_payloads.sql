-- $3 is the place of the first byte, counted from 1; $4 how many bytes.
select c.batch_id, c.first, substring(c.payloads from k.place for k.length)
from unnest($1::bytea[], $2::integer[], $3::integer[], $4::integer[]) as k (batch_id, first, place, length)
join chunk c using (batch_id, first);
