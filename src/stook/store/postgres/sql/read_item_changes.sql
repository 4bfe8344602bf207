select number, kind, payload, is_blob, reason, actor, at
from item_change where batch_id = $1 and idx = $2 order by number;
