insert into failure (
    batch_id, idx, round, attempt, nth, final, fingerprint, code, type, message, traceback, duration, failed_at
) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13);
