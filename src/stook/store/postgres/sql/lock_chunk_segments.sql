-- Locks: segments of the chunks, by id; waits for claims under way.
select s.id, s.first, s.pos, s.stop, s.picks, s.status, s.round
from segment s join unnest($1::bytea[], $2::integer[]) as k (batch_id, first) using (batch_id, first)
order by s.id for update of s;
