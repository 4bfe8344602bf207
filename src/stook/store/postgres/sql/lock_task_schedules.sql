-- Locks: the schedules of tasks, in the order of their keys; before any batch.
select s.project, s.task, s.name, s.expr, s.tz, s.payload, s.priority, s.missed, s.overlap, s.static, s.policy, s.paused, s.next_at, s.due_at,
       s.owed, s.skipped, s.last_at, s.last_id, s.trouble, s.created_at, s.changed_at
from schedule s join unnest($1::text[], $2::text[]) as k (project, task) on s.project = k.project and s.task = k.task
order by s.project, s.task, s.name for update of s;
