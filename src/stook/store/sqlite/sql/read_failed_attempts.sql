-- Failures of executions from ?2 to ?3 - 1.
select idx, round, attempt, nth, final from failure where batch_id = ?1 and idx >= ?2 and idx < ?3;
