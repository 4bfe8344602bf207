update batch set
    phase = ?2, ended = ?3, keyed = ?4, max_concurrency = ?5, total = ?6, succeeded = ?7, failed = ?8,
    cancelled = ?9, expired = ?10, scheduled = ?11, suspended = ?12, settled = ?13, retries = ?14, losses = ?15,
    streak = ?16, round = ?17, rank = ?18, stop = ?19, reason = ?20, probe = ?21, sealed_at = ?22,
    started_at = ?23, finished_at = ?24, ramp_at = ?25, deadline_at = ?26, open_until = ?27
where id = ?1;
