update chunk set extras = ?3 where batch_id = ?1 and first = ?2;
