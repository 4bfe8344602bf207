update lease set expires_at = ?2 where token = ?1
returning token, batch_id, first, lo, hi, picks, signal;
