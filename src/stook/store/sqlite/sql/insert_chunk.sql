insert into chunk (
    batch_id, first, count, starts, keys, blobs, payloads, extras
) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8);
