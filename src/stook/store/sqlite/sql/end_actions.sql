update action set state = ?2, finished_at = ?3, affected = affected + ?4 where batch_id = ?1 and state = 'running';
