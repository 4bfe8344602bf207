select count(*) from loss where batch_id = ?1 and idx = ?2;
