select d.run, d.state, d.attempt, v.id, v.name, v.body, e.id, e.status, e.reason, e.url, e.schemes, e.secret,
       e.old_secret, e.old_until, e.auth_kind, e.auth_name, e.auth_value, e.trial_at, e.held_until
from webhook_delivery d
join webhook_event v on v.id = d.event_id
left join webhook_endpoint e on e.id = d.endpoint_id
where d.id = ?1;
