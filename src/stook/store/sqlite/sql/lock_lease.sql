select l.token, l.worker, l.batch_id, l.first, l.lo, l.hi, l.picks, l.priority, l.round, l.attempt, l.losses, l.alone,
       l.closed, l.expires_at, l.claimed_at, l.lane, l.cost, s.states
from lease l join state s on s.batch_id = l.batch_id and s.first = l.first where l.token = ?1;
