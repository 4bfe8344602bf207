select id from webhook_endpoint where id = ?1 and project = ?2;
