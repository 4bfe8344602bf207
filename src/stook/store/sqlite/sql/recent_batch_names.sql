select name from batch
where project = ?1 and single = 0 and phase <> 'deleted'
order by id desc limit ?2;
