delete from hosted_event where number in (select number from hosted_event where batch_id = ?1 limit ?2);
