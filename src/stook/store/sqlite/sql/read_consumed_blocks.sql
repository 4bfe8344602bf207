select first, digests from consumed_block where batch_id = ?1 and first > ?2 order by first limit ?3;
