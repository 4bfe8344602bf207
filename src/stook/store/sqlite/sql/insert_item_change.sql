insert into item_change (
    batch_id, idx, number, kind, payload, is_blob, reason, actor, at
) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);
