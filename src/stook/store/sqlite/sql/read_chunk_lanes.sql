select first, lanes from chunk_lane where batch_id = ?1 and first = ?2;
