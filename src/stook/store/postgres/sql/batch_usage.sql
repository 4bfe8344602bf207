select k.id, coalesce(sum(l.live), 0)::bigint
from unnest($1::bytea[]) as k (id) left join lease l on l.batch_id = k.id group by k.id;
