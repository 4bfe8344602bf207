select id from batch
where deadline_at is not null and deadline_at <= ?1 and phase not in ('closed', 'deleted')
  and (stop is null or stop not in ('expire', 'hard'))
order by deadline_at limit ?2;
