-- For the children that the executions wait for.
insert into errand (kind, batch_id, idx, key, body, at)
select 'cancel_child', w.child_batch, w.child_idx, '', k.body, k.at
from unnest($1::bytea[], $2::integer[], $3::text[], $4::bigint[]) as k (batch_id, idx, body, at)
cross join lateral (
    select child_batch, child_idx from wait
    where batch_id = k.batch_id and idx = k.idx and child_batch is not null offset 0
) w;
