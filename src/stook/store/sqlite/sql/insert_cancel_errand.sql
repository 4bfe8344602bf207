-- For the children that the execution waits for.
insert into errand (kind, batch_id, idx, key, body, at)
select 'cancel_child', child_batch, child_idx, '', ?3, ?4
from wait where batch_id = ?1 and idx = ?2 and child_batch is not null;
