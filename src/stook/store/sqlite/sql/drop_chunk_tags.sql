delete from chunk_tag where batch_id = ?1 and first = ?2;
