select batch_id, idx, first, round, attempt, losses, priority, alone, closed, lane, cost, waiting, at
from suspension where batch_id = ?1 and idx = ?2;
