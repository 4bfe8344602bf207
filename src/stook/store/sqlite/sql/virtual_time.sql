select min(rank) from segment where project = ?1 and status = 0 and held = 0;
