delete from dedupe where batch_id = ?1 and idx = ?2 and ttl is null;
