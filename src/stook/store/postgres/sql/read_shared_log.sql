select l.idx, l.token, l.part, l.body
from unnest($1::bytea[], $2::integer[], $3::integer[], $4::integer[], $5::bigint[], $6::integer[])
    as n (batch_id, idx, round, attempt, token, part)
join log l using (batch_id, idx, round, attempt, token, part) where l.leader is null;
