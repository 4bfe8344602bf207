-- Locks: one schedule that is due; before any batch.
select project, task, name, expr, tz, payload, priority, missed, overlap, static, policy, paused, next_at, due_at,
       owed, skipped, last_at, last_id, trouble, created_at, changed_at
from schedule where project = $1 and task = $2 and name = $3 and due_at <= $4 and paused = 0 for update;
