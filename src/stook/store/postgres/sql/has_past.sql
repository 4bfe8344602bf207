select 1 from failure where batch_id = $1 and idx = $2
union all select 1 from log where batch_id = $1 and idx = $2
union all select 1 from item_change where batch_id = $1 and idx = $2
limit 1;
