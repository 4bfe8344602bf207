insert into batch (
    id, project, task, queue, name, key, digest, single, keyed, phase, ended, priority, policy, max_concurrency, total,
    consumed, succeeded, failed, cancelled, expired, scheduled, suspended, settled, retries, losses, streak, round, rank,
    stop, reason, probe, metadata, created_at, sealed_at, started_at, finished_at, ramp_at, deadline_at, open_until,
    webhooks
) values (
    ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
    ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, ?38, ?39, ?40
);
