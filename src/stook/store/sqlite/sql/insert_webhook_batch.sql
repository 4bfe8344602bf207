-- A hidden batch whose items carry deliveries.
insert into batch (
    id, project, task, queue, name, single, phase, priority, policy, total, consumed, rank, created_at, sealed_at
) values (?1, ?2, 'stook.webhook', 'stook.webhooks', 'stook.webhook', 1, 'active', 0, ?3, ?4, ?4, ?5, ?6, ?6);
