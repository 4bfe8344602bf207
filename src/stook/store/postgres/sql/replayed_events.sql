-- The deliveries are locked after, by id: their endpoint is held, and without it nobody changes their runs. An event has
-- one to an endpoint at most: with `limit` the planner goes from event to delivery, whatever the statistics say.
select v.id, v.name, v.batch_id, v.idx, v.task, v.named, d.id, d.run
from (
    select * from webhook_event
    where project = $1 and id > $3 and id <= $4 and at >= $5
    order by id limit $6
) v left join lateral (
    select id, run from webhook_delivery where event_id = v.id and endpoint_id = $2 limit 1
) d on true
order by v.id;
