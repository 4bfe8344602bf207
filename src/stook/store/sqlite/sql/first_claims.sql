select batch_id, min(claimed_at) from lease where batch_id = ?1 group by batch_id;
