select o.batch_id, o.settle, o.blobs, o.results
from unnest($1::bytea[], $2::bigint[]) as k (batch_id, settle) join outcome o using (batch_id, settle);
