select first, starts, blobs, payloads from chunk
where batch_id = ?1 and first > ?2 and blobs is not null order by first limit 20;
