update failure_group set failed = failed - ?3 where batch_id = ?1 and fingerprint = ?2;
