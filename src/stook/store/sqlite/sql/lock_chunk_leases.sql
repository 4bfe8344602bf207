select token, first, lo, hi, picks from lease where batch_id = ?1 and first = ?2;
