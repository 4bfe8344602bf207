select id, batch_id, project, task, named, first, lo, hi, picks, state, round, at
from webhook_backlog order by id limit ?1;
