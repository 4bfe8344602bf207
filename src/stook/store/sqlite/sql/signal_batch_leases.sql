update lease set signal = 1 where batch_id = ?1;
