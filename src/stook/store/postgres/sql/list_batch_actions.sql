-- `project || ''`: it goes by the batch, and not through all of the project, also without statistics.
select id, project, kind, batch_id, scope, actor, state, affected, created_at, finished_at
from action where batch_id = $1 and id < $2 and project || '' = $3 order by id desc limit $4;
