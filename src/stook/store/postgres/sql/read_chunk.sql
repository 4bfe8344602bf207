select c.batch_id, c.first, c.starts, c.blobs, c.payloads, s.states, b.keyed, c.extras
from unnest($1::bytea[], $2::integer[]) as k (batch_id, first)
cross join lateral (select * from chunk where batch_id = k.batch_id and first = k.first limit 1) c
cross join lateral (select * from state where batch_id = k.batch_id and first = k.first limit 1) s
cross join lateral (select keyed from batch where id = k.batch_id limit 1) b;
