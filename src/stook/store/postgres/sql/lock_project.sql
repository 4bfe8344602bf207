-- Locks: one project's row, and nothing after it but what is inserted.
select name, weight, created_at, max_queued_items, max_payload_bytes, max_rate, counted, queued_items, queued_bytes, tokens, tokens_at
from project where name = $1 for update;
