-- The batch is locked before.
insert into given_output (batch_id, idx, round, since, form, output)
select k.batch_id, k.idx, k.round, k.since, k.form, k.output
from unnest($1::bytea[], $2::integer[], $3::integer[], $4::integer[], $5::integer[], $6::bytea[])
    as k (batch_id, idx, round, since, form, output)
on conflict (batch_id, idx) do update
set round = excluded.round, since = excluded.since, form = excluded.form, output = excluded.output;
