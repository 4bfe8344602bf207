update segment set pos = n.pos from unnest($1::bigint[], $2::integer[]) as n (id, pos) where segment.id = n.id;
