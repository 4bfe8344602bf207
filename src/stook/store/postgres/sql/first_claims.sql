select l.batch_id, min(l.claimed_at)
from lease l join unnest($1::bytea[]) as k (batch_id) using (batch_id) group by l.batch_id;
