update failure_group set failed = failed - n.count
from unnest($1::bytea[], $2::text[], $3::integer[]) as n (batch_id, fingerprint, count)
where failure_group.batch_id = n.batch_id and failure_group.fingerprint = n.fingerprint;
