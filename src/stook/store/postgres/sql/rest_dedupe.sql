-- Locks: keys, in the order in which submissions take them.
with n as (
    select d.project, d.task, d.key, k.now
    from dedupe d join unnest($1::bytea[], $2::integer[], $3::bigint[]) as k (batch_id, idx, now) using (batch_id, idx)
    where d.ttl is not null
    order by d.project, d.task, d.key for update of d
)
update dedupe d set free_at = n.now + d.ttl
from n where d.project = n.project and d.task = n.task and d.key = n.key;
