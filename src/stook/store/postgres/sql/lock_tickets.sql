-- Locks: requests, by key.
select r.project, r.key, r.owner, r.done
from request r join unnest($1::text[], $2::text[]) as k (project, key) using (project, key)
order by r.project, r.key for update of r;
