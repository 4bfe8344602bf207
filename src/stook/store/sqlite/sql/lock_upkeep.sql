select queue, done_at from upkeep where queue = ?1;
