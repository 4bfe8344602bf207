select name, weight, created_at, max_queued_items, max_payload_bytes, max_rate, counted, queued_items, queued_bytes, tokens, tokens_at
from project order by name;
