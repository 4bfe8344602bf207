-- Locks: requests of one project, by key.
with n as (
    select r.project, r.key, k.alive_until
    from request r join unnest($1::text[], $2::text[], $3::bigint[]) as k (project, key, alive_until) using (project, key)
    where r.status is null
    order by r.project, r.key for update of r
)
update request r set alive_until = n.alive_until from n
where r.project = n.project and r.key = n.key returning r.key;
