update segment set pos = 0, stop = n.count, picks = n.picks
from unnest($1::bigint[], $2::integer[], $3::bytea[]) as n (id, count, picks) where segment.id = n.id;
