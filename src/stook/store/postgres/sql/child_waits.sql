select batch_id, idx, key, child_batch, child_idx, at from wait
where child_batch is not null and (child_batch, child_idx) > ($1, $2) order by child_batch, child_idx limit $3;
