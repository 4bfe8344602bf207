select first, lo, hi, picks, live from lease where batch_id = ?1;
