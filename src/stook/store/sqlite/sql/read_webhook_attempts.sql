select run, attempt, at, headers, code, error, duration, answer
from webhook_attempt where delivery_id = ?1 order by run, attempt;
