-- Locks: segments of the batch; waits for claims under way, which wait for nobody.
update segment set held = $2 where batch_id = $1 and held <> $2;
