delete from webhook_backlog where id = ?1;
