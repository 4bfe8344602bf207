-- One of the items of a segment that is locked, as a segment of its own in another lane.
insert into segment (
    batch_id, first, pos, stop, picks, project, task, queue, priority, rank, round, attempt, losses, status, held,
    closed, due_at, ready_at, expires_at, lane, cost
)
select s.batch_id, s.first, n.item, n.item + 1, null, s.project, s.task, s.queue, s.priority, s.rank, s.round, s.attempt,
       s.losses, s.status, s.held, s.closed, s.due_at, s.ready_at, s.expires_at, n.lane, n.cost
from unnest($1::bigint[], $2::integer[], $3::text[], $4::text[]) as n (id, item, lane, cost)
join segment s on s.id = n.id;
