-- What `claim_plain` took under these tokens, as far as it is still held. Whoever lost its answer learns when the work was
-- claimed for when it was ready.
select l.token, l.batch_id, l.first, l.lo, l.hi, l.project, l.task, l.queue, l.priority, l.round,
       l.attempt, l.losses, l.claimed_at, b.policy, b.created_at, b.metadata, b.trace, b.single, l.claimed_at, l.expires_at,
       substring(c.payloads from c.lo + 1 for c.hi - c.lo - 1)
from lease l join batch b on b.id = l.batch_id cross join lateral (
    select payloads,
           get_byte(starts, 4 * l.lo) + (get_byte(starts, 4 * l.lo + 1) << 8)
           + (get_byte(starts, 4 * l.lo + 2) << 16) + (get_byte(starts, 4 * l.lo + 3) << 24) as lo,
           get_byte(starts, 4 * l.hi) + (get_byte(starts, 4 * l.hi + 1) << 8)
           + (get_byte(starts, 4 * l.hi + 2) << 16) + (get_byte(starts, 4 * l.hi + 3) << 24) as hi
    from chunk where batch_id = l.batch_id and first = l.first
) c
where l.token = any($1::bigint[])
order by l.token;
