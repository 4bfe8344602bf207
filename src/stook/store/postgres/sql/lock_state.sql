-- Locks: states of the chunks, in order. Their batches are locked before.
select s.batch_id, s.first, s.states
from state s join unnest($1::bytea[], $2::integer[]) as k (batch_id, first) using (batch_id, first)
order by s.batch_id, s.first for update of s;
