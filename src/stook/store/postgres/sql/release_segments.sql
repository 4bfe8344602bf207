-- Its segments queue up behind the front, one after the other. Locks: segments of the batch; all are held back, so no
-- claim has them. Materialized: a planner that expects few rows would compute the places anew for each of them.
with n as materialized (
    select id, sum(stop - pos) over (order by rank, id) - (stop - pos) as before from segment where batch_id = $1
)
update segment set held = 0, rank = $2::bigint + n.before, ready_at = case when status = 1 then null else $3::bigint end
from n where segment.id = n.id;
