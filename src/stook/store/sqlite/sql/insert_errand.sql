insert into errand (
    kind, batch_id, idx, key, body, at
) values (?1, ?2, ?3, ?4, ?5, ?6);
