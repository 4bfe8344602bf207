-- Locks nothing: whoever settles waits for no delivery.
select project, id, mask, tasks, reach, status from webhook_endpoint where project = any($1::text[]);
