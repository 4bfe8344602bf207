insert into hosted_actual (batch_id, idx, at, body) values (?1, ?2, ?3, ?4);
