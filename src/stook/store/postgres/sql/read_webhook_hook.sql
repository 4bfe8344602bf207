select mask from webhook_hook where project = $1;
