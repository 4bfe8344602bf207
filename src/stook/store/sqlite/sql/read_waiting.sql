select status, sum(stop - pos), min(due_at) from segment where batch_id = ?1 group by status;
