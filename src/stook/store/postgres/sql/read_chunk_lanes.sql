select l.first, l.lanes from unnest($1::bytea[], $2::integer[]) as k (batch_id, first)
cross join lateral (select * from chunk_lane where batch_id = k.batch_id and first = k.first limit 1) l;
