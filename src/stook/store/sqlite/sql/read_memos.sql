-- Of the items from ?2 to ?3 - 1.
select batch_id, idx, key, kind, value, blob_of, error, code, seq, at
from memo where batch_id = ?1 and idx >= ?2 and idx < ?3;
