delete from chunk_lane where (batch_id, first) in (select batch_id, first from chunk_lane where batch_id = ?1 limit ?2);
