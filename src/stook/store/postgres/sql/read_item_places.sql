-- Where items of a chunk wait, and in which lane.
select pos, stop, picks, status, due_at, id, priority, rank, lane, cost from segment
where batch_id = $1 and first = $2;
