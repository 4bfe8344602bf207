update upkeep set done_at = ?2 where queue = ?1;
