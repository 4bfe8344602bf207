select g.batch_id, g.idx, g.round, g.since, g.form, g.output
from unnest($1::bytea[], $2::integer[]) as k (batch_id, idx)
cross join lateral (select * from given_output where batch_id = k.batch_id and idx = k.idx limit 1) g;
