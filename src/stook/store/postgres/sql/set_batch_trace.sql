update batch set trace = n.trace from unnest($1::bytea[], $2::text[]) as n (id, trace) where batch.id = n.id;
