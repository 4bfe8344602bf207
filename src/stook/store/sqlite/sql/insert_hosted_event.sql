insert into hosted_event (batch_id, idx, id, name, at, body) values (?1, ?2, ?3, ?4, ?5, ?6);
