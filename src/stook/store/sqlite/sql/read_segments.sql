select batch_id, first, pos, stop, picks, status, priority, round, attempt, losses, due_at, ready_at, expires_at
from segment where batch_id = ?1 and first between ?2 and ?3;
