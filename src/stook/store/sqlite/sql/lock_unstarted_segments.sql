select id, batch_id, first, pos, stop, picks, status, round, attempt, losses, priority, due_at, expires_at, closed
from segment where batch_id = ?1 and first = ?2 order by id;
