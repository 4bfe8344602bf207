select n.batch_id, n.idx, a.at, a.body from unnest($1::bytea[], $2::integer[]) as n (batch_id, idx)
cross join lateral (
    select at, body from hosted_actual h where h.batch_id = n.batch_id and h.idx = n.idx order by h.number desc limit 1
) a;
