-- What is in the queue, less the changes that are yet to be added: both of one moment.
select q.items - c.items, q.bytes - c.bytes
from (
    select coalesce(sum(b.total - b.succeeded - b.failed - b.cancelled - b.expired), 0) items,
           coalesce(sum(coalesce(s.bytes, 0) * (b.total - b.succeeded - b.failed - b.cancelled - b.expired) / b.total), 0) bytes
    from batch b left join batch_size s on s.batch_id = b.id
    where b.project = ?1 and b.phase not in ('closed', 'deleted') and b.total > 0
) q, (
    select coalesce(sum(items), 0) items, coalesce(sum(bytes), 0) bytes from queue_change where project = ?1
) c;
