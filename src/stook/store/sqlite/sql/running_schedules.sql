-- Those of which something that they started has not ended.
select ?1, ?2, ?3
where exists (
    select 1 from schedule_run r join batch b on b.id = r.batch_id
    where r.project = ?1 and r.task = ?2 and r.name = ?3 and b.phase not in ('closed', 'deleted')
);
