select id, project, kind, batch_id, scope, actor, state, affected, created_at, finished_at
from action where id = ?1;
