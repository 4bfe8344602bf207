update webhook_delivery d set run = n.run, attempt = 0, state = 'pending', next_at = n.at, updated_at = n.at
from unnest($1::text[], $2::integer[], $3::bigint[]) as n (id, run, at) where d.id = n.id;
