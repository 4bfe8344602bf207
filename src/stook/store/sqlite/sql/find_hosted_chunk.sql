select batch_id, ?2, first from chunk where batch_id = ?1 and first <= ?2 order by first desc limit 1;
