-- Locks: leases by token. The clock is read when they are held: the driver keeps it for the verb's `Now`.
select l.*, (extract(epoch from clock_timestamp()) * 1000000)::bigint
from (
    select token, batch_id, first, lo, hi, picks from lease
    where token = any($1::bigint[]) order by token for no key update
) l;
