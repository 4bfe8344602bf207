update project p set
    weight = n.weight, max_queued_items = n.max_queued_items, max_payload_bytes = n.max_payload_bytes,
    max_rate = n.max_rate, counted = n.counted, queued_items = n.queued_items, queued_bytes = n.queued_bytes,
    tokens = n.tokens, tokens_at = n.tokens_at
from unnest(
    $1::text[], $2::double precision[], $3::bigint[], $4::bigint[], $5::double precision[], $6::integer[], $7::bigint[],
    $8::bigint[], $9::double precision[], $10::bigint[]
) as n (
    name, weight, max_queued_items, max_payload_bytes, max_rate, counted, queued_items, queued_bytes, tokens, tokens_at
)
where p.name = n.name;
