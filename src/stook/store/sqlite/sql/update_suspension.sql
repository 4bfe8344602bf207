update suspension set waiting = ?3 where batch_id = ?1 and idx = ?2;
