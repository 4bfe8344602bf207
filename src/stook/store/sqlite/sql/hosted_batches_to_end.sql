-- Unfinished batches of a range of tasks; those that are being stopped are left out.
select id from batch
where task >= ?1 and task < ?2 and phase not in ('closed', 'deleted') and substr(task, 37, 1) = '/'
and phase <> 'cancelling'
order by task, id limit ?3;
