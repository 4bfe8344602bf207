-- Locks: one delivery. Its endpoint is locked before.
select id, event_id, name, endpoint_id, project, batch_id, idx, state, run, attempt, next_at, code, error, duration,
       created_at, updated_at
from webhook_delivery where id = $1 for update;
