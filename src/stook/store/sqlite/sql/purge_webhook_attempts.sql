delete from webhook_attempt where delivery_id in (select id from webhook_delivery where event_id = ?1);
