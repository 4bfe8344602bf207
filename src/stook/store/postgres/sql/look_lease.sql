select token, batch_id, first, lo, hi, picks, signal from lease where token = any($1::bigint[]);
