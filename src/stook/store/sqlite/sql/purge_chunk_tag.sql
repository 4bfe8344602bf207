delete from chunk_tag where (batch_id, tag, first) in (
    select batch_id, tag, first from chunk_tag where batch_id = ?1 limit ?2
);
