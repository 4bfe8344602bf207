select mask from webhook_endpoint where project = ?1;
