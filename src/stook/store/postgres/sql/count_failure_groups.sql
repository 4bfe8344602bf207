select coalesce(sum(failed), 0)::bigint from failure_group where batch_id = $1;
