update upkeep set done_at = v.done_at from unnest($1::text[], $2::bigint[]) as v (queue, done_at) where upkeep.queue = v.queue;
