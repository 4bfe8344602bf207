-- The failure that ended an execution in round $3; $4: with its traceback.
select f.batch_id, f.idx, f.round, f.code, f.type, f.message, f.fingerprint, case k.traced when 1 then f.traceback else '' end
from unnest($1::bytea[], $2::integer[], $3::integer[], $4::integer[]) as k (batch_id, idx, round, traced)
cross join lateral (
    select * from failure where batch_id = k.batch_id and idx = k.idx and round = k.round and final = 1 limit 1
) f;
