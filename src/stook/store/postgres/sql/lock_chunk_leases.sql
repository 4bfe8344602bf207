-- Locks: leases of the chunks, by token.
select l.token, l.first, l.lo, l.hi, l.picks
from lease l join unnest($1::bytea[], $2::integer[]) as k (batch_id, first) using (batch_id, first)
order by l.token for update of l;
