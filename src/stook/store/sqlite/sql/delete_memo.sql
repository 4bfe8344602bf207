delete from memo where batch_id = ?1 and idx = ?2 and key = ?3;
