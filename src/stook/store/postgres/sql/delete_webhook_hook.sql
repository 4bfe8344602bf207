delete from webhook_hook where project = any($1::text[]);
