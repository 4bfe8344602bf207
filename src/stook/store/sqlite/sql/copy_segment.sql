-- One of the items of a segment, ?2, as a segment of its own in lane ?3.
insert into segment (
    batch_id, first, pos, stop, picks, project, task, queue, priority, rank, round, attempt, losses, status, held,
    closed, due_at, ready_at, expires_at, lane, cost
)
select batch_id, first, ?2, ?2 + 1, null, project, task, queue, priority, rank, round, attempt, losses, status, held,
       closed, due_at, ready_at, expires_at, ?3, ?4
from segment where id = ?1;
