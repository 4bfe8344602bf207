-- Locks: rows of the backlog by id, those nobody else holds. Behind them things are only inserted.
select id, batch_id, project, task, named, first, lo, hi, picks, state, round, at
from webhook_backlog order by id limit $1 for update skip locked;
