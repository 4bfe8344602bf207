select id from batch
where project = ?1 and name = ?2 and single = 0 and phase <> 'deleted'
order by id desc limit 1;
