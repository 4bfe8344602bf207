select coalesce(sum(length(payloads)), 0) from chunk where batch_id = ?1;
