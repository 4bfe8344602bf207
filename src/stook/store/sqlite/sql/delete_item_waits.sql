delete from wait where batch_id = ?1 and idx = ?2;
