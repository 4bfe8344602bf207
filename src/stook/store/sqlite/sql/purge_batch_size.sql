delete from batch_size where batch_id = ?1 and ?2 > 0;
