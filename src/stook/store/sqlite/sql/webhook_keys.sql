select first, keys from chunk where batch_id = ?1 and first = ?2;
