select status, sum(stop - pos)::bigint, min(due_at) from segment where batch_id = $1 group by status;
