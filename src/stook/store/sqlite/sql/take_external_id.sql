insert into external_id (project, name, batch_id, idx) values (?1, ?2, ?3, ?4)
on conflict (project, name) do nothing
returning name;
