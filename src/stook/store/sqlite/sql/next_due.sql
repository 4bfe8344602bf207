select min(due_at) from segment where status = 1 and held = 0
union all select min(expires_at) from lease
union all select min(expires_at) from segment where expires_at is not null
union all select min(deadline_at) from batch
    where deadline_at is not null and phase not in ('closed', 'deleted') and (stop is null or stop not in ('expire', 'hard'))
union all select min(open_until) from batch where phase = 'open'
union all select * from (select at from webhook_backlog order by id limit 1) backlog;
