-- Locks: schedules that owe a tick and of which nothing runs, those nobody else holds; before any batch.
select project, task, name, expr, tz, payload, priority, missed, overlap, static, policy, paused, next_at, due_at,
       owed, skipped, last_at, last_id, trouble, created_at, changed_at
from schedule s where owed > 0 and paused = 0 and due_at > $1 and not exists (
    select 1 from schedule_run r join batch b on b.id = r.batch_id
    where r.project = s.project and r.task = s.task and r.name = s.name and b.phase not in ('closed', 'deleted')
)
order by project, task, name limit $2 for update of s skip locked;
