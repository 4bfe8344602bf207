insert into chunk (
    batch_id, first, count, starts, keys, blobs, payloads
) values (?1, ?2, ?3, ?4, ?5, ?6, ?7);
