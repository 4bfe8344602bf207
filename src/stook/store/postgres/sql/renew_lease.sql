-- Locks: leases, in the order of their tokens.
with n as (
    select l.token, k.until
    from lease l join unnest($1::bigint[], $2::bigint[]) as k (token, until) using (token)
    order by l.token for update of l
)
update lease set expires_at = n.until from n where lease.token = n.token
returning lease.token, batch_id, first, lo, hi, picks, signal;
