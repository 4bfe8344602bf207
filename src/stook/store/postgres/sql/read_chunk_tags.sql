select t.first, t.tag, t.picks
from unnest($1::bytea[], $2::integer[]) as k (batch_id, first)
cross join lateral (
    select first, tag, picks from chunk_tag where batch_id = k.batch_id and first = k.first offset 0
) t;
