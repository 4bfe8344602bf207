-- Locks: what waits for one endpoint, by id. The endpoint is locked before.
with waiting as materialized (
    select id from webhook_delivery
    where endpoint_id = $1 and state <> 'delivered' and state <> 'dead' order by id for update
)
update webhook_delivery d set state = 'dead', next_at = null, error = $2, updated_at = $3
from waiting where d.id = waiting.id;
