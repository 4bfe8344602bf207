select round, attempt, nth, final, duration, failed_at, code, type, message, fingerprint, traceback
from failure where batch_id = $1 and idx = $2;
