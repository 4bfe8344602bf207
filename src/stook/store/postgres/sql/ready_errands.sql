-- Locks: errands, passing over those somebody else does. Nobody waits for them.
update errand set due_at = null
where id = any(array(select id from errand where due_at <= $1 order by due_at limit $2 for update skip locked));
