delete from failure_group where batch_id = ?1;
