-- Where the queue of an internal project begins.
select ?1, min(rank) from segment where project = ?1 and status = 0 and held = 0;
