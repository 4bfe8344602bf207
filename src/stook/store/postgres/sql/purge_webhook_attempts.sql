delete from webhook_attempt a using webhook_delivery d where d.event_id = any($1::text[]) and a.delivery_id = d.id;
