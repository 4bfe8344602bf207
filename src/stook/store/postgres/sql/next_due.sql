-- The first entry of each index. Not min(): while it expects few rows, the planner looks at them all.
select * from (select due_at from segment where status = 1 and held = 0 order by due_at limit 1) due
union all select * from (select expires_at from lease order by expires_at limit 1) lapse
union all select * from (
    select expires_at from segment where expires_at is not null order by expires_at limit 1
) expiry
union all select * from (
    select deadline_at from batch
    where deadline_at is not null and phase not in ('closed', 'deleted') and (stop is null or stop not in ('expire', 'hard'))
    order by deadline_at limit 1
) deadline
union all select * from (select open_until from batch where phase = 'open' order by open_until limit 1) open
union all select * from (select at from webhook_backlog order by id limit 1) backlog
union all select * from (select due_at from wait where due_at is not null order by due_at limit 1) wait
union all select * from (select at from errand where due_at is null order by id limit 1) errand
union all select * from (select due_at from errand where due_at is not null order by due_at limit 1) again
union all select * from (select due_at from row_change order by due_at limit 1) change
union all select * from (select due_at from schedule where paused = 0 order by due_at limit 1) tick
union all select * from (
    select changed_at from schedule s where owed > 0 and paused = 0 and not exists (
        select 1 from schedule_run r join batch b on b.id = r.batch_id
        where r.project = s.project and r.task = s.task and r.name = s.name and b.phase not in ('closed', 'deleted')
    ) limit 1
) owing;
