select coalesce(sum(failed), 0) from failure_group where batch_id = ?1;
