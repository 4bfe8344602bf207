insert into consumed_block (
    batch_id, first, digests
) values (?1, ?2, ?3);
