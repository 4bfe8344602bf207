-- Locks: old requests, those nobody else holds.
delete from request where ctid = any(array(
    select ctid from request where begun_at <= $1 order by begun_at limit $2 for update skip locked
));
