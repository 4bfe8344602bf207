select body from blob where batch_id = ?1 and name = ?2;
