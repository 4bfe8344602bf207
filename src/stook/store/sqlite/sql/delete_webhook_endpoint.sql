delete from webhook_endpoint where id = ?1;
