delete from webhook_delivery where event_id = any($1::text[]);
