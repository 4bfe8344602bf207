delete from suspension where batch_id = ?1 and idx = ?2;
