select batch_id, idx, key from dedupe where batch_id = ?1 and idx = ?2;
