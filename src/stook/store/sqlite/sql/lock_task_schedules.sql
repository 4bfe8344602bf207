select project, task, name, expr, tz, payload, priority, missed, overlap, static, policy, paused, next_at, due_at,
       owed, skipped, last_at, last_id, trouble, created_at, changed_at
from schedule where project = ?1 and task = ?2;
