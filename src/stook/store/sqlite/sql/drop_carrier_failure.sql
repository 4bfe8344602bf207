delete from failure where batch_id = ?1;
