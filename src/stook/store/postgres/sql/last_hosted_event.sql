select n.batch_id, n.idx, e.id, e.name, e.at, e.body
from unnest($1::bytea[], $2::integer[], $3::text[]) as n (batch_id, idx, name)
cross join lateral (
    select id, name, at, body from hosted_event h
    where h.batch_id = n.batch_id and h.idx = n.idx and h.name = n.name order by h.number desc limit 1
) e;
