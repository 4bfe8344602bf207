-- Locks: the project's row, after the batch and its dedupe keys, if it limits what is submitted.
-- Seldom finds anything.
select name, weight, created_at, max_queued_items, max_payload_bytes, max_rate, counted, queued_items, queued_bytes, tokens, tokens_at
from project where name = $1 and (counted = 1 or max_rate is not null) for update;
