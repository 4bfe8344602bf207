select batch_id, first, extras from chunk where batch_id = ?1 and first = ?2;
