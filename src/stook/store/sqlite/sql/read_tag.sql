select first, picks from chunk_tag where batch_id = ?1 and tag = ?2 order by first;
