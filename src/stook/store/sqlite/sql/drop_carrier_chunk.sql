delete from chunk where batch_id = ?1;
