select min(due_at) from segment where status = 1 and held = 0
union all select min(expires_at) from lease
union all select min(expires_at) from segment where expires_at is not null
union all select min(deadline_at) from batch
    where deadline_at is not null and phase not in ('closed', 'deleted') and (stop is null or stop not in ('expire', 'hard'))
union all select min(open_until) from batch where phase = 'open'
union all select * from (select at from webhook_backlog order by id limit 1) backlog
union all select min(due_at) from wait where due_at is not null
union all select * from (select at from errand where due_at is null order by id limit 1) errand
union all select min(due_at) from errand where due_at is not null
union all select min(due_at) from row_change
union all select min(due_at) from schedule where paused = 0
union all select * from (
    select changed_at from schedule s indexed by schedule_owed where owed > 0 and paused = 0 and not exists (
        select 1 from schedule_run r join batch b on b.id = r.batch_id
        where r.project = s.project and r.task = s.task and r.name = s.name and b.phase not in ('closed', 'deleted')
    ) limit 1
) owing;
