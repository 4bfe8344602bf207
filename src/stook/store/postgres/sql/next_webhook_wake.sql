select min(wake_at) from webhook_endpoint where wake_at is not null;
