delete from hosted_batch where batch_id in (
    select batch_id from hosted_batch where batch_id = ?1 limit ?2
);
