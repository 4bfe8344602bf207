update hosted_batch set ended = ?2 where batch_id = ?1 and ended <> ?2;
