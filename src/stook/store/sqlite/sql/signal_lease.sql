update lease set signal = 1 where token = ?1;
