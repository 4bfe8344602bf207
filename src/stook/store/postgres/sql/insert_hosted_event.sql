insert into hosted_event (batch_id, idx, id, name, at, body)
select n.batch_id, n.idx, n.id, n.name, n.at, n.body
from unnest($1::bytea[], $2::integer[], $3::text[], $4::text[], $5::bigint[], $6::bytea[])
    as n (batch_id, idx, id, name, at, body);
