insert into outcome (
    batch_id, settle, first, lo, hi, picks, count, state, round, attempt, finished_at, durations, blobs, results
) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14);
