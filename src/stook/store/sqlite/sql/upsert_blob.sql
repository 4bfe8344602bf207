insert into blob (batch_id, name, body) values (?1, ?2, ?3)
on conflict (batch_id, name) do update set body = excluded.body;
