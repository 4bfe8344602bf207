insert into chunk_tag (
    batch_id, tag, first, picks
) values (?1, ?2, ?3, ?4);
