-- Locks: periods that are over, passing over those held.
delete from throttle where ctid = any(array(
    select ctid from throttle where until_at <= $1 limit $2 for update skip locked
));
