update failure_group set failed = 0 where batch_id = ?1 and (?2 is null or fingerprint = ?2);
