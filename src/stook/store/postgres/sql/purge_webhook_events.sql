delete from webhook_event where id = any($1::text[]);
