select key, kind, error, code, child_batch, child_idx, at
from memo where batch_id = $1 and idx = $2 order by at, seq, key limit $3;
