update batch set purge_at = v.purge_at from unnest($1::bytea[], $2::bigint[]) as v (id, purge_at) where batch.id = v.id;
