-- Locks: one schedule, before any batch. The clock is read when it is held.
select s.*, (extract(epoch from clock_timestamp()) * 1000000)::bigint
from (
    select project, task, name, expr, tz, payload, priority, missed, overlap, static, policy, paused, next_at, due_at,
       owed, skipped, last_at, last_id, trouble, created_at, changed_at
    from schedule where project = $1 and task = $2 and name = $3 for update
) s;
