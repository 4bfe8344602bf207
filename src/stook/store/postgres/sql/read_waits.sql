select w.*
from unnest($1::bytea[], $2::integer[], $3::text[]) as k (batch_id, idx, key)
cross join lateral (
    select batch_id, idx, key, kind, due_at, child_batch, child_idx, fails_parent, on_timeout, event_name, match, at
    from wait where batch_id = k.batch_id and idx = k.idx and key = k.key limit 1
) w;
