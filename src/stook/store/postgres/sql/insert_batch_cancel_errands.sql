-- For all children that executions of the batch wait for. `>=` and `<=`: where one batch fills the table, `=` would
-- have the planner read all of it for any other. Not `child_batch is not null`: that would lead it to wait_child.
insert into errand (kind, batch_id, idx, key, body, at)
select 'cancel_child', child_batch, child_idx, '', $2::text, $3::bigint
from wait where batch_id >= $1::bytea and batch_id <= $1::bytea and coalesce(child_batch, '') <> '';
