select project, id, mask, tasks, reach, status from webhook_endpoint where project = ?1;
