update segment set status = 0, rank = n.rank, ready_at = n.ready_at, due_at = null
from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as n (id, rank, ready_at) where segment.id = n.id;
