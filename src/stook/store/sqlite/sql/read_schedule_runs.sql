-- Those that have not ended.
select r.batch_id from schedule_run r join batch b on b.id = r.batch_id
where r.project = ?1 and r.task = ?2 and r.name = ?3 and b.phase not in ('closed', 'deleted');
