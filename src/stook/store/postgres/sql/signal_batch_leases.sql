-- Locks: leases of the batch, by token: renewals take them in that order too.
with n as (select token from lease where batch_id = $1 order by token for update)
update lease set signal = 1 from n where lease.token = n.token;
