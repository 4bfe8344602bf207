-- Locks: due schedules, those nobody else holds; before any batch.
select project, task, name, expr, tz, payload, priority, missed, overlap, static, policy, paused, next_at, due_at,
       owed, skipped, last_at, last_id, trouble, created_at, changed_at
from schedule where due_at <= $1 and paused = 0 order by due_at limit $2 for update skip locked;
