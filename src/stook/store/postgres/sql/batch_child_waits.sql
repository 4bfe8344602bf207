-- Not `child_batch is not null`: that would lead the planner to wait_child.
select batch_id, idx, key, child_batch, child_idx, at from wait
where batch_id = $1 and coalesce(child_batch, '') <> '' order by idx, key;
