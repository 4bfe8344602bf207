select batch_id, first, lo, hi, picks, token, worker, round, attempt, claimed_at, expires_at
from lease where batch_id = ?1 and first between ?2 and ?3;
