insert into event (
    batch_id, kind, body, at
) values (?1, ?2, ?3, ?4);
