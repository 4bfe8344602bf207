delete from schedule_run where batch_id in (
    select batch_id from schedule_run r where not exists (
        select 1 from batch b where b.id = r.batch_id and b.phase not in ('closed', 'deleted')
    )
    limit ?1
);
