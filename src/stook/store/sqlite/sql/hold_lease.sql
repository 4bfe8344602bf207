select token, batch_id, first, lo, hi, round, attempt from lease where token = ?1;
