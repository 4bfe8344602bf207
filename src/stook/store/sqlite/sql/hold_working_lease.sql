select token, batch_id, first, lo, hi, picks from lease where token = ?1;
