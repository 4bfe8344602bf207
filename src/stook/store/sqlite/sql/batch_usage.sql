select ?1, coalesce(sum(live), 0) from lease where batch_id = ?1;
