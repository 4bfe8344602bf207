-- Locks: leases by token, against their end alone.
select token, batch_id, first, lo, hi, round, attempt from lease
where token = any($1::bigint[]) order by token for key share;
