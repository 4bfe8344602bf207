insert into chunk_lane (batch_id, first, lanes) values (?1, ?2, ?3)
on conflict (batch_id, first) do update set lanes = excluded.lanes;
