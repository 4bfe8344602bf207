update lease set picks = n.picks, live = n.live
from unnest($1::bigint[], $2::bytea[], $3::integer[]) as n (token, picks, live) where lease.token = n.token;
