insert into given_output (batch_id, idx, round, since, form, output) values (?1, ?2, ?3, ?4, ?5, ?6)
on conflict (batch_id, idx) do update
set round = excluded.round, since = excluded.since, form = excluded.form, output = excluded.output;
