delete from webhook_endpoint where id = any($1::text[]);
