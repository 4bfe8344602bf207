select id, first, pos, stop, picks, status, round, attempt, losses
from segment where batch_id = ?1 and first = ?2;
