-- Their rows are locked before.
update lease set expires_at = greatest(expires_at, n.until)
from unnest($1::bigint[], $2::bigint[]) as n (token, until) where lease.token = n.token;
