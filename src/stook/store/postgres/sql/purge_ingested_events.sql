-- Locks: rows that are old; those that another takes away at this moment are left to it.
delete from ingested_event where ctid = any(array(
    select ctid from ingested_event where project = $1 and at < $2 order by at limit $3 for update skip locked
));
