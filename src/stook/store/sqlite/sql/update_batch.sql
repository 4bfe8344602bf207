update batch set
    phase = ?2, ended = ?3, keyed = ?4, max_concurrency = ?5, total = ?6, consumed = ?7, succeeded = ?8,
    failed = ?9, cancelled = ?10, expired = ?11, scheduled = ?12, suspended = ?13, settled = ?14, retries = ?15,
    losses = ?16, streak = ?17, round = ?18, rank = ?19, stop = ?20, reason = ?21, probe = ?22, sealed_at = ?23,
    started_at = ?24, finished_at = ?25, ramp_at = ?26, deadline_at = ?27, open_until = ?28
where id = ?1;
