select batch_id, idx, key, child_batch, child_idx, at from wait
where batch_id = ?1 and child_batch is not null order by idx, key;
