update batch set purge_at = ?2 where id = ?1;
