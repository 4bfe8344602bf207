-- Locks: old events of which nothing waits, those nobody else holds; their deliveries and attempts go with them.
-- `offset 0`: each event asks for its own deliveries, and none goes through all that wait.
select id from webhook_event v
where at < $1 and not exists (
    select 1 from webhook_delivery d
    where d.event_id = v.id and d.state in ('pending', 'delivering', 'failed')
    offset 0
)
order by at limit $2 for update skip locked;
