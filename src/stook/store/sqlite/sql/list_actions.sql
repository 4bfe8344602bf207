select id, project, kind, batch_id, scope, actor, state, affected, created_at, finished_at
from action where project = ?1 and id < ?2 order by id desc limit ?3;
