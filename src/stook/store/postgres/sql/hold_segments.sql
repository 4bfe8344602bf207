update segment set held = $2 where batch_id = $1 and held <> $2;
