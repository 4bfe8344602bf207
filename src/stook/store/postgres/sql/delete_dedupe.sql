-- Locks: keys, in the order in which submissions take them.
with n as (
    select d.project, d.task, d.key
    from dedupe d join unnest($1::bytea[], $2::integer[]) as k (batch_id, idx) using (batch_id, idx)
    where d.ttl is null
    order by d.project, d.task, d.key for update of d
)
delete from dedupe d using n where d.project = n.project and d.task = n.task and d.key = n.key;
