-- For all children that executions of the batch wait for.
insert into errand (kind, batch_id, idx, key, body, at)
select 'cancel_child', child_batch, child_idx, '', ?2, ?3
from wait where batch_id = ?1 and child_batch is not null;
