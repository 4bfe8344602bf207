-- For those that wait for the end of executions of $1, which is outcome $3.
insert into errand (kind, batch_id, idx, key, body, at)
select 'child_ended', w.batch_id, w.idx, w.key, k.settle || ':' || k.idx || ':' || encode(k.batch_id, 'hex'), k.at
from unnest($1::bytea[], $2::integer[], $3::bigint[], $4::bigint[]) as k (batch_id, idx, settle, at)
cross join lateral (
    select batch_id, idx, key from wait where child_batch = k.batch_id and child_idx = k.idx offset 0
) w;
