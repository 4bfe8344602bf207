-- Locks: keys at rest whose time is over, passing over those held.
delete from dedupe where ctid = any(array(
    select ctid from dedupe where free_at <= $1 limit $2 for update skip locked
));
