-- Outcomes of a chunk that may hold offsets ?3 to ?4 - 1, without their results.
select batch_id, settle, first, lo, hi, picks, state, round, attempt, finished_at, durations
from outcome where batch_id = ?1 and first = ?2 and hi > ?3 and lo < ?4;
