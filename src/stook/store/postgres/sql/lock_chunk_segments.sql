-- Locks: segments of the chunks; waits for claims under way. Their batch is locked before.
select s.id, s.first, s.pos, s.stop, s.picks, s.status, s.round, s.attempt, s.losses
from unnest($1::bytea[], $2::integer[]) as k (batch_id, first)
cross join lateral (select * from segment where batch_id = k.batch_id and first = k.first order by id for update) s;
