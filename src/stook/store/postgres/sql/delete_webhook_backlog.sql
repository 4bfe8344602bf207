delete from webhook_backlog where id = any($1::bigint[]);
