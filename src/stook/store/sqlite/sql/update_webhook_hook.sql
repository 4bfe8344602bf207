update webhook_hook set mask = ?2 where project = ?1;
