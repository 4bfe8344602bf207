insert into hosted_actual (batch_id, idx, at, body)
select n.batch_id, n.idx, n.at, n.body
from unnest($1::bytea[], $2::integer[], $3::bigint[], $4::bytea[]) as n (batch_id, idx, at, body);
