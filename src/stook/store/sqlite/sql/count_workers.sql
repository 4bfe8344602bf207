select count(*) from worker where seen_at > ?1;
