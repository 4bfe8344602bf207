select id, task, queue from batch where project = ?1 and phase <> 'deleted' order by id;
