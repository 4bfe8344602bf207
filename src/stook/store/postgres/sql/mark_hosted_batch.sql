update hosted_batch set ended = n.ended
from unnest($1::bytea[], $2::integer[]) as n (batch_id, ended)
where hosted_batch.batch_id = n.batch_id and hosted_batch.ended <> n.ended;
