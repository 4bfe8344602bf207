select o.*, b.reason
from unnest($1::bytea[], $2::bigint[]) as k (batch_id, settle)
cross join lateral (
    select o.batch_id, o.settle, o.first, o.lo, o.hi, o.picks, o.state, o.round, o.blobs, o.results
    from outcome o where o.batch_id = k.batch_id and o.settle = k.settle limit 1
) o
cross join lateral (select reason from batch where id = k.batch_id limit 1) b;
