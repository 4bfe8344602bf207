-- Locks: one delivery, and nothing after it.
update webhook_delivery set state = 'dead', next_at = null, error = $3, updated_at = $4
where id = $1 and run = $2 and state in ('pending', 'delivering', 'failed');
