select batch_id, idx, key, kind, due_at, child_batch, child_idx, fails_parent, on_timeout, event_name, match, at
from wait where batch_id = ?1 and idx = ?2 order by key limit ?3;
