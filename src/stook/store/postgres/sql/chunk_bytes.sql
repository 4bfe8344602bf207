select coalesce(sum(octet_length(payloads)), 0)::bigint from chunk where batch_id = $1;
