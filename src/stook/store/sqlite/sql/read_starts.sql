select batch_id, first, starts from chunk where batch_id = ?1 and first = ?2;
